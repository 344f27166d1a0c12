import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { refuseArguments } from '../../shared/runtime/command-line.ts';
import { page, writeChatTexts } from './table.ts';

const help = `Writes ${page}: every text that Sidepocket says in the chat, when, and to whom, read from the sources.

  npm run chat-texts

  --help   show this

Exit codes: 0 written, 1 written, but a text of the sources has no occasion, or an occasion no text; 2 wrong usage.`;

refuseArguments(process.argv.slice(2), { command: 'npm run chat-texts', help });
const { text, faults } = await writeChatTexts();
await writeFile(path.join(import.meta.dirname, '..', '..', page), text);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
