import type { Choices } from '../../shared/store/choices.ts';
import { effortLevels, readEffort } from '../agent/settings.ts';
import type { Effort } from '../agent/settings.ts';
import type { Command, CommandAnswer } from './command.ts';

/** The lines of the list: title, and what the level means. */
const levels: Record<Effort | 'default', [title: string, meaning: string]> = {
  low: ['Low', 'quick, and costs least'],
  medium: ['Medium', 'some thought'],
  high: ['High', 'a lot of thought'],
  xhigh: ['Extra high', 'more thought, slower, costs more'],
  max: ['Max', 'as much as it takes; slowest, costs most'],
  default: ['Default', 'what the model usually does'],
};

const effortHelp = `*/effort high* changes it; there are ${effortLevels.join(', ')}. Less is quicker and costs less, and not every model has every level. */effort default* leads back to the model’s own.`;

/** Shows and sets how much Claude thinks before it answers. */
export const effortCommand: Command = {
  pattern: /^\/effort(?:\s+(\S+|(?:extra|very)\s+\S+))?$/i,
  help: { usage: '/effort high', does: 'how much I think before I answer' },
  anytime: true,
  async run(
    { stores: { conversations } },
    { message: { conversation }, argument, context: { fence }, busy },
  ): Promise<CommandAnswer> {
    const word = argument.toLowerCase();
    // As the list spells it.
    const wanted = /^extra[\s-]high$/.test(word) ? 'xhigh' : word;
    const level = readEffort(wanted);
    if (level !== undefined || wanted === 'default') {
      await conversations.write(conversation, fence, { effort: level ?? '' });
      return `${level ? `The effort is ${level}` : 'The effort is the model’s own'} from ${busy ? 'the next task' : 'now'} on.`;
    }
    const present = readEffort((await conversations.read(conversation)).effort);
    const said =
      wanted === '' ? `The effort is ${present ?? 'the model’s own'}.` : 'There is no such effort.';
    return { text: `${said}\n\n${effortHelp}`, choices: asList() };
  },
};

function asList(): Choices {
  const items = Object.entries(levels).map(([level, [title, description]]) => ({
    id: `/effort ${level}`,
    title,
    description,
  }));
  return { kind: 'list', button: 'Effort', items, told: true };
}
