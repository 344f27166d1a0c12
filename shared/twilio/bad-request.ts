/** Ends a request with this status and no body; `message` is for the log. */
export class BadRequest extends Error {
  override name = 'BadRequest';
  readonly status: 400 | 403 | 413 | 415 | 429 | 503;

  constructor(status: BadRequest['status'], message: string) {
    super(message);
    this.status = status;
  }
}
