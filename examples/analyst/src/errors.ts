/** What stops the analyst, with a code that says which; the message says what to do. */
export type AnalystErrorCode = "folder_not_found" | "file_not_found" | "outside_folder" | "bad_setting";

export class AnalystError extends Error {
  readonly code: AnalystErrorCode;

  constructor(code: AnalystErrorCode, message: string) {
    super(message);
    this.name = "AnalystError";
    this.code = code;
  }
}
