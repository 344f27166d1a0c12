import type { FailureKind } from './agent/agent.ts';

/** What the person is told when a turn is given up: one plain, true sentence, and what helps. */
export function failureSentence(kind: FailureKind, resetsAt?: Date): string {
  const again = 'Text “retry” and I will try again.';
  const sentences: Record<FailureKind, string> = {
    died: `I could not finish this: Claude stopped several times in the middle of the work. ${again}`,
    silent: `I stopped this, because Claude showed no sign of life for a long time. ${again}`,
    'model-away': `I could not finish this: Claude's servers did not answer. ${again}`,
    overloaded: `I could not finish this: Claude's servers are overloaded right now. ${again}`,
    'signed-out': 'I cannot work right now: the sign-in for Claude is not accepted. Please renew the key, then text “retry”.',
    'no-credit': 'I cannot work right now: the credit for Claude is used up. Please top it up, then text “retry”.',
    'usage-limit': resetsAt ? `Claude's usage limit is reached until ${resetsAt.toISOString().slice(11, 16)} UTC. I go on by myself then.` : `Claude's usage limit is reached. ${again}`,
    broken: `I could not finish this: something went wrong on my side. ${again}`,
  };
  return sentences[kind];
}
