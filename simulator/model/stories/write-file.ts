import { basename, join } from 'node:path';
import { callTool, text } from '../answer.ts';
import { refusedWords } from './refused.ts';
import type { Story } from './story.ts';

const namedPattern =
  /^(?:please +)?(?:write|create|make) +(?:(?:a|the|me|file|called|named) +)*([\w.-]+\.\w+)(?: +(?:with|containing|saying|that says):? +([\s\S]+))?/im;
const unnamedPattern = /^(?:please +)?(?:write|create|make)\b[^\n]*\bfile\b/im;

/** `write NAME with TEXT`: writes the file into the working directory and sends it. */
export const writeFile: Story = {
  matches: (asked) => namedPattern.test(asked) || unnamedPattern.test(asked),
  next(view, asked) {
    const { results, cwd } = view;
    const refused = refusedWords(view);
    if (refused !== undefined) return text(refused);
    if (cwd === undefined)
      return text('I cannot write a file: Claude Code did not tell me its working directory.');
    const [, name = 'notes.txt', content = 'Written by the scripted model.'] =
      namedPattern.exec(asked) ?? [];
    const path = join(cwd, basename(name));
    const failed = results.find(({ isError }) => isError);
    if (failed) return text(`I could not write or send ${basename(path)}: ${failed.text}`);
    if (!results.some((result) => result.name === 'Write'))
      return callTool('Write', { file_path: path, content: `${content.trim()}\n` });
    if (!results.some((result) => result.name === 'mcp__whatsapp__send_file')) {
      return callTool('mcp__whatsapp__send_file', { path, caption: basename(path) });
    }
    return text(`I wrote ${basename(path)} and sent it to you.`);
  },
};
