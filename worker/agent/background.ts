/**
 * Work that Claude has started and left running: a helper (sub-agent) or a command. `description`
 * is the model's own; `request` is the beginning of the person's words that led to it;
 * `startedAt` is ms since 1970. `ended`: it has ended, and Claude has not said so yet.
 */
export type BackgroundTask = {
  id: string;
  kind: 'helper' | 'command';
  description: string;
  request: string;
  startedAt: number;
  ended?: true;
};

/** Why a session was not saved: the disk is full, or the user's share of it is. */
export type UnsavedReason = 'disk' | 'quota';

/** What happens to a session's work in the background, also between turns. */
export type BackgroundListener = {
  /** All that runs in the session's background now, and what has ended unreported. */
  onChange(conversation: string, session: string, tasks: BackgroundTask[]): void;
  /** Between turns, Claude has begun to speak by itself, or asks for one of the chat's tools. */
  onWanted(conversation: string, session: string): void;
  /** The session's process has ended, and these tasks with it. */
  onLost(conversation: string, session: string, tasks: BackgroundTask[]): void;
  /** Part of the session could not be written to the disk. */
  onUnsaved(conversation: string, session: string, why: UnsavedReason): void;
};

/** What the agent does about work in the background. */
export type BackgroundControl = {
  listen(listener: BackgroundListener): void;
  /** The conversation of each session that has such work, or has something to say without a turn. */
  busy(): string[];
  /** How many sessions may have such work at once; more would be too much for the memory. */
  mostSessions(): number;
  /** Ends a task. Returns false when it does not run any more. */
  end(conversation: string, session: string, task: string): Promise<boolean>;
  /**
   * Ends all that a conversation has left running, unsaid, and drops what Claude has to say of it:
   * its person may not write any more. Returns when it has ended.
   */
  dismiss(conversation: string): Promise<void>;
};
