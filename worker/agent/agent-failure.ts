/**
 * Why an agent gave up.
 * - `died`: its process ended; worth another attempt.
 * - `no-memory`, `no-processes`: it ended because the machine ran out of memory or processes.
 * - `silent`: no sign of life for too long.
 * - `too-long`, `unreadable`: Claude cannot accept the conversation, or a picture or document in it.
 * - `history`: the API refuses the conversation so far; only a fresh session helps.
 * - `budget`, `day-limit`: its budget is used up, or what the owner lets the person use in a day.
 * - `declined`: the model's safeguards have stopped its answer.
 * - `refused`: the API refuses the request for a reason of its own; the failure's message has its
 * words in short, as they may be quoted to the person.
 * - `files-away`: the person's files could not be restored from their snapshot.
 * - the others are failures on the model's side that an immediate retry would meet again.
 */
export type FailureKind =
  | 'died'
  | 'no-memory'
  | 'no-processes'
  | 'silent'
  | 'model-away'
  | 'overloaded'
  | 'signed-out'
  | 'no-credit'
  | 'usage-limit'
  | 'account-off'
  | 'not-allowed'
  | 'no-model'
  | 'too-long'
  | 'unreadable'
  | 'history'
  | 'declined'
  | 'refused'
  | 'budget'
  | 'day-limit'
  | 'files-away'
  | 'broken';

export class AgentFailure extends Error {
  override name = 'AgentFailure';
  readonly kind: FailureKind;
  /** When a usage limit ends, if known. */
  readonly resetsAt: Date | undefined;
  /** The HTTP status of the refused request, if there was one. */
  readonly status: number | undefined;
  /** The API's id of the refused request, which its support asks for. */
  readonly requestId: string | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    resetsAt?: Date,
    refused: { status?: number | undefined; requestId?: string | undefined } = {},
  ) {
    super(message);
    this.kind = kind;
    this.resetsAt = resetsAt;
    this.status = refused.status;
    this.requestId = refused.requestId;
  }
}
