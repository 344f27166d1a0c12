import { WrongUsage, formatWrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { format } from '../../worker/reply/format.ts';
import { hasEveryWord, isDisputed } from '../support/markdown-disputes.ts';
import { findMarkdownFault } from '../support/markdown-faults.ts';
import { writeProse } from '../support/markdown-prose.ts';
import { createRandom } from '../support/random.ts';

const help = `Writes Markdown texts, formats each for WhatsApp and looks whether it still says the same: what a
second Markdown parser reads against what a reader of WhatsApp's marks sees.

  npm run markdown -- [--texts NUMBER] [--seed NUMBER]

  --texts NUMBER   how many texts (10000)
  --seed NUMBER    the number of the first text (1); the same number gives the same text
  --help           show this

Prints each text that says something else; one that the two parsers read differently has to keep
its words. Exit codes: 0 none does, 1 otherwise, 2 wrong usage.`;

/** Reads the command line; throws WrongUsage with a sentence. */
function readOptions(): { texts: number; seed: number } | 'help' {
  const { values } = readArguments(process.argv.slice(2), {
    texts: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return 'help';
  const [texts, seed] = [Number(values.texts), Number(values.seed)];
  if (!Number.isSafeInteger(texts) || texts < 1 || !Number.isSafeInteger(seed))
    throw new WrongUsage('--texts and --seed take whole numbers.');
  return { texts, seed };
}

try {
  const options = readOptions();
  if (options === 'help') console.log(help);
  else {
    let [faults, disputed] = [0, 0];
    for (let number = options.seed; number < options.seed + options.texts; number += 1) {
      const markdown = writeProse(createRandom(number));
      const sent = format(markdown);
      const fault = findMarkdownFault(markdown, sent);
      if (fault === undefined) continue;
      if (isDisputed(markdown) && hasEveryWord(markdown, sent)) {
        disputed += 1;
        continue;
      }
      faults += 1;
      console.log(`${number}: ${fault}\n${JSON.stringify(markdown)}\n${JSON.stringify(sent)}\n`);
    }
    console.log(
      `${options.texts} texts, ${faults} say something else, ${disputed} read differently by the two parsers`,
    );
    process.exitCode = faults === 0 ? 0 : 1;
  }
} catch (error) {
  if (!(error instanceof WrongUsage)) throw error;
  console.error(formatWrongUsage(error, 'npm run markdown'));
  process.exitCode = 2;
}
