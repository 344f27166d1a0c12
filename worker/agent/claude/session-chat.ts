import { randomUUID } from 'node:crypto';
import type { ChatTools } from '../agent.ts';

/**
 * The chat as a process sees it. It outlasts the turns: a call between two turns waits for the
 * next, and so does a text of ours.
 */
export type SessionChat = {
  /** The tools for Claude: each call waits until a turn has brought its own. */
  tools: ChatTools;
  /** The present turn's tools. */
  present(): ChatTools | undefined;
  use(tools: ChatTools | undefined): void;
  /** Sends a text to the chat: at once during a turn, else with the next one. */
  tell(text: string): void;
  /** How many calls wait or are under way. */
  calls(): number;
};

/**
 * `onWanted` is called when a call has to wait for a turn, `onCallEnd` when one has ended.
 */
export function createSessionChat(onWanted: () => void, onCallEnd: () => void): SessionChat {
  const untold: string[] = [];
  const waiting: ((tools: ChatTools) => void)[] = [];
  let present: ChatTools | undefined;
  let calls = 0;
  const tell = (text: string): void => {
    if (present) void present.sendMessage({ text, callId: `notice.${randomUUID()}` });
    else untold.push(text);
  };
  const nextTools = (): Promise<ChatTools> => {
    const next = new Promise<ChatTools>((resolve) => waiting.push(resolve));
    onWanted();
    return next;
  };
  const call = async <Result>(use: (tools: ChatTools) => Promise<Result>): Promise<Result> => {
    calls += 1;
    try {
      return await use(present ?? (await nextTools()));
    } finally {
      calls -= 1;
      onCallEnd();
    }
  };
  return {
    tools: {
      sendFile: (input) => call((tools) => tools.sendFile(input)),
      sendMessage: (input) => call((tools) => tools.sendMessage(input)),
      say: (words) => call((tools) => tools.say(words)),
      scheduleTurn: (input) => call((tools) => tools.scheduleTurn(input)),
      listSchedules: () => call((tools) => tools.listSchedules()),
      cancelSchedule: (input) => call((tools) => tools.cancelSchedule(input)),
      ask: (questions, signal) => call((tools) => tools.ask(questions, signal)),
      approve: (request, signal) => call((tools) => tools.approve(request, signal)),
      decidePlan: (plan, signal) => call((tools) => tools.decidePlan(plan, signal)),
      mayGoOn: (signal, before) => call((tools) => tools.mayGoOn(signal, before)),
    },
    present: () => present,
    use(tools) {
      present = tools;
      if (!tools) return;
      for (const text of untold.splice(0)) tell(text);
      for (const resolve of waiting.splice(0)) resolve(tools);
    },
    tell,
    calls: () => calls,
  };
}
