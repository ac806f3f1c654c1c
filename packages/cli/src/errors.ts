/** What stops the supervisor or a request to it, with a code that says which; the message says what to do next. */
export type CliErrorCode =
  | "invalid_option"
  | "folder_not_found"
  | "port_in_use"
  | "start_failed"
  | "link_expired"
  | "forbidden_host"
  | "forbidden_origin"
  | "unauthenticated"
  | "malformed"
  | "not_found";

export class CliError extends Error {
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.code = code;
  }
}
