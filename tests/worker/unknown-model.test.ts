import { expect, test } from 'vitest';
import { toTappable } from '../../shared/store/choices.ts';
import { readAlias } from '../../worker/agent/model/model-aliases.ts';
import type { Command, CommandAnswer } from '../../worker/commands/command.ts';
import { effortCommand } from '../../worker/commands/effort-command.ts';
import { modelCommand, unknownModel } from '../../worker/commands/model-command.ts';

const offered = [
  { id: 'claude-opus-5-5', name: 'Claude Opus 5.5' },
  { id: 'claude-sonnet-5-5', name: 'Claude Sonnet 5.5' },
  { id: 'claude-sonnet-4-5-20250929', name: 'Claude Sonnet 4.5' },
];
const idsOf = (name: string, isFromService = true): string[] =>
  unknownModel(name, { offered, isFromService }).choices.items.map(({ id }) => id);

test('the nearest names are offered, each tap with a name that is known', () => {
  expect(unknownModel('opuss', { offered, isFromService: true })).toEqual({
    text: 'I do not know the model “opuss”. Did you mean opus? Text “/model opus”, or tap.',
    choices: { kind: 'buttons', items: [{ id: '/model opus', title: 'Opus' }], told: true },
  });
  expect(idsOf('sonet')).toEqual(['/model sonnet']);
  expect(idsOf('Haku')).toEqual(['/model haiku']);
  expect(idsOf('opus-5.5')).toEqual(['/model claude-opus-5-5']);
  expect(idsOf('claude-sonnet-5-4')).toEqual([
    '/model claude-sonnet-5-5',
    '/model claude-sonnet-4-5-20250929',
  ]);
});

test('without a near name there is a list of what can be chosen, within WhatsApp’s limits', () => {
  const { text, choices } = unknownModel('gpt-4', { offered, isFromService: true });
  expect(text).toContain('I do not know the model “gpt-4”.');
  expect(choices.kind).toBe('list');
  expect(choices.items.map(({ title }) => title)).toEqual([
    'Opus',
    'Sonnet',
    'Haiku',
    'Claude Opus 5.5',
    'Claude Sonnet 5.5',
    'Claude Sonnet 4.5',
  ]);
  expect(choices.items[3]?.description).toBe('claude-opus-5-5');
  const many = Array.from({ length: 200 }, (_, index) => ({
    id: `${'m'.repeat(60)}-${index}`,
    name: 'The same name for all of them, and a long one',
  }));
  const foreign = [{ id: 'two words', name: 'x' }, { id: '', name: '' }, ...many];
  const long = unknownModel('x'.repeat(80), { offered: foreign, isFromService: true });
  expect(long.choices.items).toHaveLength(10);
  expect(toTappable(long.choices)?.items).toHaveLength(10);
});

test('while the service is away the answer says so, and offers only what is surely there', () => {
  const { text } = unknownModel('gpt-4', { offered, isFromService: false });
  expect(text).toContain('I cannot reach Claude’s servers right now');
  expect(idsOf('gpt-4', false)).toEqual(['/model opus', '/model sonnet', '/model haiku']);
  expect(idsOf('opuss', false)).toEqual(['/model opus']);
});

test('Claude Code’s own names are known in any spelling, with and without the longer context', () => {
  expect(readAlias('Opus')).toBe('opus');
  expect(readAlias('sonnet[1M]')).toBe('sonnet[1m]');
  expect(readAlias('opusplan')).toBe('opusplan');
  for (const name of ['opuss', 'claude-opus-5-5', '[1m]', ''])
    expect(readAlias(name)).toBe(undefined);
});

test('a model’s name may have blanks, and the list’s own words are a level', async () => {
  const written: unknown[] = [];
  const looked: string[] = [];
  const say = (command: Command, argument: string): Promise<CommandAnswer | undefined> =>
    command.run(
      {
        stores: {
          conversations: {
            read: async () => ({}),
            write: async (_: unknown, __: unknown, change: unknown) => void written.push(change),
          },
        },
        agent: {
          async lookUpModel(name: string) {
            looked.push(name);
            return { model: undefined, offered, isFromService: true };
          },
        },
      } as never,
      { message: { conversation: '+15551230001' }, argument, context: {}, busy: false } as never,
    );
  expect(await say(modelCommand, 'Claude Opus  5.5')).toMatchObject({
    text: expect.stringContaining('Did you mean claude-opus-5-5?'),
  });
  expect(await say(modelCommand, 'gpt 4')).toMatchObject({
    text: expect.stringContaining('I do not know the model “gpt-4”.'),
  });
  expect(looked).toEqual(['Claude-Opus-5.5', 'gpt-4']);
  for (const odd of ['😀', '<b>opus</b>', '*opus*', 'نموذج', `${'x'.repeat(10_000)}`, '\u3164'])
    expect(await say(modelCommand, odd)).toMatchObject({
      text: expect.stringMatching(/^That is not a model’s name\..{1,90}$/),
      choices: { kind: 'buttons', items: [{ id: '/model opus' }, {}, {}] },
    });
  expect(looked).toHaveLength(2);
  expect(await say(effortCommand, 'Extra High')).toContain('The effort is xhigh');
  for (const odd of ['very high', '高', '-1', 'xhigh;', 'constructor'])
    expect(await say(effortCommand, odd)).toMatchObject({
      text: expect.stringContaining('There is no such effort.'),
    });
  expect(written).toEqual([{ effort: 'xhigh' }]);
});
