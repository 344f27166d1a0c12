/** One message as the agent gets it. `id` is derived from the person's message, so that it is found again after a crash. */
export type Prompt = { id: string; text: string; attachments?: Attachment[] };

/** Something to look at that came with a message. */
export type Attachment = { kind: 'picture'; type: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'; base64: string } | { kind: 'pdf'; base64: string };

/** How the agent sends something to the person while it works. */
export type SendTools = {
  /** `path` is absolute or relative to the workspace. */
  sendFile(input: { path: string; caption?: string | undefined }): Promise<string>;
  /** `callId` is the model's id of the call. */
  sendMessage(input: { text: string; callId: string }): Promise<string>;
};

/** How the agent plans turns that begin by themselves. */
export type ScheduleTools = {
  /** Exactly one of `when` (ISO 8601), `inMinutes` and `cron` (five fields); `timezone` is the person's, by its IANA name. */
  scheduleTurn(input: { prompt: string; when?: string | undefined; inMinutes?: number | undefined; cron?: string | undefined; timezone?: string | undefined }): Promise<string>;
  listSchedules(): Promise<string>;
  /** `id` is the schedule's number. */
  cancelSchedule(input: { id: string }): Promise<string>;
};

/** What the agent may do in the chat while it works. Each returns a sentence for the model and never throws. */
export type ChatTools = SendTools & ScheduleTools;

/** Token counts and the estimated price of what was asked for an answer. */
export type Usage = { inputTokens: number; outputTokens: number; costUsd: number };

/** What happens while the agent works, in order. */
export type AgentEvent =
  /**
   * The session has begun or was resumed; it must be stored before anything else is done. It comes once more when the person has cleared the
   * conversation, which begins another.
   */
  | { kind: 'session'; id: string }
  | { kind: 'tool'; id: string; name: string; summary: string; timeoutMs: number | undefined }
  | { kind: 'tool-end'; id: string; failed: boolean }
  /** A sign of life. */
  | { kind: 'alive' }
  /** The model's service is in trouble and is being asked again. */
  | { kind: 'retrying'; reason: string }
  /** The answer to these prompts. `id` is the same when the answer is read from the transcript after a crash. */
  | { kind: 'answer'; id: string; text: string; prompts: string[]; usage: Usage };

export type AgentTurn = {
  conversation: string;
  /** The directory that Claude works in (absolute, exists). */
  workspace: string;
  /** The session to go on with; undefined begins one. */
  session: string | undefined;
  /** What to answer. It stays open while more may come; the turn ends when it is closed and everything is answered. */
  prompts: AsyncIterable<Prompt>;
  tools: ChatTools;
  /** Ends the turn at once: whatever runs is interrupted and its processes end. */
  signal: AbortSignal;
};

/**
 * The one who answers. Contract of `work`: events come in order; each prompt is in exactly one `answer`; it ends after the last one.
 * A prompt that an earlier, interrupted turn brought in already is not asked again: its answer is found, or the work goes on. It throws AgentFailure,
 * or the signal's reason when aborted; afterwards nothing of the turn runs any more and the conversation can be worked again.
 */
export interface Agent {
  work(turn: AgentTurn): AsyncIterable<AgentEvent>;
  /** Ends whatever is kept open for a conversation, for another worker to go on. */
  release(conversation: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Why an agent gave up.
 * - `died`: its process ended; worth another attempt.
 * - `silent`: no sign of life for too long.
 * - the others are troubles of the model's side that another attempt now would meet again.
 */
export type FailureKind = 'died' | 'silent' | 'model-away' | 'overloaded' | 'signed-out' | 'no-credit' | 'usage-limit' | 'broken';

export class AgentFailure extends Error {
  override name = 'AgentFailure';
  readonly kind: FailureKind;
  /** When a usage limit ends, if it is known. */
  readonly resetsAt: Date | undefined;

  constructor(kind: FailureKind, message: string, resetsAt?: Date) {
    super(message);
    this.kind = kind;
    this.resetsAt = resetsAt;
  }
}

