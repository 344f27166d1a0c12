import type { WorkspaceGrants } from './workspace/grants.ts';

/**
 * One message as the agent gets it. `id` is derived from the person's message, so that it is found
 * again after a crash.
 */
export type Prompt = {
  id: string;
  text: string;
  attachments?: Attachment[];
  /**
   * What is told instead of the text when an interrupted turn has brought the prompt in already.
   */
  recall?: string | undefined;
};

/** Something to look at that came with a message. */
export type Attachment =
  | {
      kind: 'picture';
      type: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
      base64: string;
    }
  | { kind: 'pdf'; base64: string };

/** How the agent sends something to the person while it works. */
export type SendTools = {
  /** `path` is absolute or relative to the workspace. */
  sendFile(input: { path: string; caption?: string | undefined }): Promise<string>;
  /** `callId` is the model's id of the call. */
  sendMessage(input: { text: string; callId: string }): Promise<string>;
};

/** How the agent plans turns that begin by themselves. */
export type ScheduleTools = {
  /**
   * Exactly one of `when` (ISO 8601), `inMinutes` and `cron` (five fields); `timezone` is the
   * person's, by its IANA name.
   */
  scheduleTurn(input: {
    prompt: string;
    when?: string | undefined;
    inMinutes?: number | undefined;
    cron?: string | undefined;
    timezone?: string | undefined;
    /** The id of the call: one that is made again is the same. */ callId?: string | undefined;
  }): Promise<string>;
  listSchedules(): Promise<string>;
  /** `id` is the schedule's number. */
  cancelSchedule(input: { id: string }): Promise<string>;
};

/** One question with its options; with `multiple` several may be chosen. */
export type AgentQuestion = {
  question: string;
  options: { label: string; description?: string | undefined }[];
  multiple: boolean;
};

/** What the person is asked before a tool may run. */
export type ApprovalRequest = {
  tool: string;
  /** The request in plain words. */
  title: string;
  /** What exactly would run, or the first part of it. */
  detail: string;
  /** The further parts of the input, each under its label. */
  more?: { label: string; text: string }[];
  /** Names tool and input: the approval is for these. Made of what is shown unless given. */
  digest?: string;
  /**
   * What “always” would allow: `key` names it exactly, `words` and `name` tell it. Missing, it is
   * not offered.
   */
  always?: { key: string; words: string; name: string };
  /** A person must decide, also where nothing else needs their leave. */
  isGrave?: boolean;
  /** A stray tap or number must not approve. */
  defaultToNo?: boolean;
  /** The tool changes a file. */
  changesFile?: boolean;
};

/**
 * The person's decision. `always` holds for the same in this session; `unanswered` is a no; a no
 * may come with words. `too-long`: it cannot be shown whole, so it was not asked. `planning`: no
 * file is changed while Claude plans.
 */
export type Approval =
  'yes' | 'always' | 'no' | 'unanswered' | 'too-long' | 'planning' | { no: string };

/**
 * What the person says to a plan: carry it out, with `edits` unasked or not, or keep planning,
 * perhaps with words.
 */
export type PlanDecision = { go: { edits: boolean } } | { keep: string | undefined } | 'unanswered';

/**
 * How the agent asks the person. Each method waits for the answer, or for the time after which the
 * default holds, and rejects only with the signal's reason.
 */
export type AskTools = {
  /** The answer to each question, in order: labels, or the person's own words. */
  ask(questions: AgentQuestion[], signal: AbortSignal): Promise<string[]>;
  approve(request: ApprovalRequest, signal: AbortSignal): Promise<Approval>;
  /**
   * Shows a plan (Markdown) and asks what to do with it; undefined is a plan that was not written
   * down.
   */
  decidePlan(plan: string | undefined, signal: AbortSignal): Promise<PlanDecision>;
  /**
   * Whether the budgets let the turn go on; the person is asked when one is used up. Asked before
   * each tool, and when the model proxy has refused a request.
   */
  mayGoOn(signal: AbortSignal): Promise<boolean>;
};

/**
 * What the agent may do in the chat while it works. SendTools and ScheduleTools return a sentence
 * for the model and never throw.
 */
export type ChatTools = SendTools & ScheduleTools & AskTools;

/**
 * What needs the person's leave: every tool that could change something, everything but changes of
 * files, or nothing.
 */
export const permissionModes = ['ask', 'edits', 'all'] as const;
export type PermissionMode = (typeof permissionModes)[number];

/**
 * Token counts and the price of what was asked for an answer. What is booked is in the account
 * already, request by request.
 */
export type Usage = {
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
  isBooked?: boolean;
};

/** What happens while the agent works, in order. */
export type AgentEvent =
  /**
   * The session has begun or was resumed; it must be stored before anything else is done. It comes
   * once more when the person has cleared the conversation, which begins another.
   */
  | { kind: 'session'; id: string }
  /** `description` is the model's own short account of the call, where the tool asks for one. */
  | {
      kind: 'tool';
      id: string;
      name: string;
      summary: string;
      description?: string;
      timeoutMs: number | undefined;
    }
  | { kind: 'tool-end'; id: string; failed: boolean }
  /** A page was photographed into this file (absolute). */
  | { kind: 'picture'; path: string }
  /** A sign of life. */
  | { kind: 'alive' }
  /** What was said before has grown too long and was replaced by a summary. */
  | { kind: 'compacted' }
  /** The model's service is in trouble and is being asked again. */
  | { kind: 'retrying'; reason: string }
  /**
   * The answer to these prompts. `id` is the same when the answer is read from the transcript after
   * a crash, which `remembered` says.
   */
  | {
      kind: 'answer';
      id: string;
      text: string;
      prompts: string[];
      usage: Usage;
      remembered?: true;
    };

export type AgentTurn = {
  /** Names the turn everywhere; its requests to the model are counted under it. */
  id: string;
  conversation: string;
  /** The person's (IANA name), once they have said it: whose day it is that money is spent on. */
  timezone?: string | undefined;
  /** The directory that Claude works in (absolute, exists). */
  workspace: string;
  /** The session to go on with; undefined begins one. */
  session: string | undefined;
  /**
   * What to answer. It stays open while more may come; the turn ends when it is closed and
   * everything is answered.
   */
  prompts: AsyncIterable<Prompt>;
  tools: ChatTools;
  permissions: PermissionMode;
  /**
   * The model to use, by its id or an alias such as `opus`; undefined is Claude Code's own choice.
   */
  model: string | undefined;
  /** What of the workspace's own may run; absent, nothing. */
  grants?: WorkspaceGrants;
  /**
   * Ends the turn at once: whatever runs is interrupted and its processes end. With FencedError as
   * its reason nothing more is said to them: another worker has the turn, so they are killed.
   */
  signal: AbortSignal;
};

/** What is known of a turn before it begins. */
export type ComingTurn = Pick<
  AgentTurn,
  'conversation' | 'workspace' | 'session' | 'model' | 'permissions' | 'grants'
>;

/**
 * The one who answers. Contract of `work`: events come in order; each prompt is in exactly one
 * `answer`; it ends after the last one. A prompt that an earlier, interrupted turn brought in
 * already is not asked again: its answer is found, or the work goes on. It throws AgentFailure, or
 * the signal's reason when aborted; afterwards nothing of the turn runs any more and the
 * conversation can be worked again.
 */
export interface Agent {
  work(turn: AgentTurn): AsyncIterable<AgentEvent>;
  /**
   * Makes ready what a turn that will come soon needs, so that it need not wait for it; settles
   * when all of it is under way, and never rejects. The turn may turn out to be another, or never
   * come.
   */
  prepare?(turn: ComingTurn): Promise<void>;
  /**
   * Halts every process of the agent, as far as that can be done, until the returned function is
   * called.
   */
  pause?(): Promise<() => void>;
  /** Ends whatever is kept open for a conversation, for another worker to go on. */
  release(conversation: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Why an agent gave up.
 * - `died`: its process ended; worth another attempt.
 * - `no-memory`, `no-processes`: it ended because the machine has no more of that.
 * - `silent`: no sign of life for too long.
 * - `too-long`, `unreadable`: Claude cannot take the conversation as it is, or a picture or
 *   document in it.
 * - `budget`: it has cost as much as it may.
 * - the others are troubles of the model's side that another attempt now would meet again.
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
  | 'no-model'
  | 'too-long'
  | 'unreadable'
  | 'budget'
  | 'broken';

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
