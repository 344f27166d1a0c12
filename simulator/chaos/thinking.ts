import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatFiles, keepFile } from './kept-files.ts';
import type { FastAgentOptions } from '../fast-agent.ts';

/** The time that the fast agent takes for a text (ms): pseudorandom and reproducible. */
function thinkingTime(text: string): number {
  const number = createHash('sha256').update(text).digest().readUInt16BE(0);
  return text.endsWith(' with a tool') ? 300 + (number % 700) : number % 120;
}

/**
 * Answers `answer to <text>`, and with the files that the conversation has, of which this turn has
 * written one; a text that ends in `with a note` also sends a message in the middle.
 */
export const answerFast: FastAgentOptions['answer'] = async (text, turn, tool) => {
  await sleep(thinkingTime(text), undefined, { signal: turn.signal });
  if (text.endsWith(' with a note')) {
    tool('send_message');
    await turn.tools.sendMessage({
      text: `note on ${text}`,
      callId: `note-${text.split(' ', 1)[0] ?? ''}`,
    });
    await sleep(100 + thinkingTime(text) * 3, undefined, { signal: turn.signal });
  }
  const [label = ''] = text.split(' ', 1);
  return `answer to ${text}\n${formatFiles(await keepFile(turn.workspace, label))}`;
};
