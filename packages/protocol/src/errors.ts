/** Bytes, JSON or text that are not what they should be; `code` stands in the closed table of codes. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProtocolError";
    this.code = code;
  }
}

export type ProtocolErrorCode = "malformed" | "invalid_name";
