import { stripVTControlCharacters } from 'node:util';
import { cutLines } from '../../shared/runtime/cut.ts';

/** How much of an output is passed on (UTF-16 units); Claude Code itself cuts a command's at 30,000. */
const mostOutput = 32 * 1024;

/**
 * The text that a tool has returned, without colours, cut with “…” at its end. `content` is that of
 * a tool's result in the Messages API. No `output` without text.
 */
export function toolOutput(content: unknown): { output?: string } {
  const blocks: unknown[] = Array.isArray(content) ? content : [content];
  const texts = blocks.flatMap((block) => {
    if (typeof block === 'string') return [block];
    const isText = typeof block === 'object' && block !== null && 'text' in block;
    return isText && typeof block.text === 'string' ? [block.text] : [];
  });
  // Cut first: removing colours takes its time.
  const output = stripVTControlCharacters(cutLines(texts.join('\n'), mostOutput)).trimEnd();
  return output === '' ? {} : { output };
}
