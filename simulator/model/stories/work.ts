import { callTool, text, type Answer } from '../answer.ts';
import type { Story } from './story.ts';

const askedPattern = /\bwork for (?:(\d+(?:\.\d+)?) ?(s|sec|seconds?|m|min|minutes?)\b|a while)/i;
const aWhileSeconds = 30;
const longestSeconds = 3_600;
/** Claude Code's Bash stops a command after two minutes. */
const longestStepSeconds = 100;
/** Shorter work needs no word in between. */
const silentSeconds = 20;

/**
 * `work for N seconds`: a long task in several steps, with a message in the middle; for steering,
 * stopping and crashes.
 */
export const work: Story = {
  matches: (asked) => askedPattern.test(asked),
  next({ results }, asked) {
    const { seconds, steps } = planWork(asked);
    const done = results.filter(({ name }) => name === 'Bash').length;
    const told = results.some(({ name }) => name === 'mcp__whatsapp__send_message');
    if (seconds > silentSeconds && !told && done >= steps / 2) {
      return callTool('mcp__whatsapp__send_message', {
        text: `Still working: ${done} of ${steps} steps are done.`,
      });
    }
    const plan = `${formatSeconds(seconds)}, in ${steps} steps.`;
    if (done === 0) return [...text(`I will work for ${plan}`), ...workStep(1, seconds / steps)];
    if (done < steps) return workStep(done + 1, seconds / steps);
    return text(`Done: I worked for ${plan}`);
  },
};

/** The requested time in seconds, and the number of Bash steps for it. */
export function planWork(asked: string): { seconds: number; steps: number } {
  const [, amount, unit] = askedPattern.exec(asked) ?? [];
  const wanted =
    amount === undefined ? aWhileSeconds : Number(amount) * (unit?.startsWith('m') ? 60 : 1);
  const seconds = Math.min(longestSeconds, Math.max(0.2, wanted));
  const comfortable = Math.min(10, Math.max(2, Math.ceil(seconds / 5)));
  return { seconds, steps: Math.max(comfortable, Math.ceil(seconds / longestStepSeconds)) };
}

/** Claude Code refuses a bare `sleep`, so a step says something first. */
function workStep(number: number, seconds: number): Answer {
  return callTool('Bash', {
    command: `echo step ${number}; sleep ${Number(seconds.toFixed(2))}`,
    description: `Step ${number}`,
  });
}

function formatSeconds(seconds: number): string {
  if (seconds >= 60 && seconds % 60 === 0)
    return seconds === 60 ? '1 minute' : `${seconds / 60} minutes`;
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
}
