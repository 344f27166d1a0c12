import { withoutPrefix } from '../turn/format-messages.ts';
import type { Message } from '../../shared/store/message.ts';
import { isRequest, readMessage } from '../../shared/store/message.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Command, CommandCall, CommandDeps } from './command.ts';

/** The live page of what Claude does, or of what it has done last. */
export const watchCommands: Command[] = [
  {
    pattern: /^\/watch$/i,
    help: { usage: '/watch', does: 'a page where you see me work, step by step' },
    anytime: true,
    run: answerWatch,
  },
];

async function answerWatch(
  { stores }: CommandDeps,
  { message: { id, conversation }, context, busy }: CommandCall,
): Promise<string> {
  const next = busy ? undefined : await requestBefore(stores, conversation, id);
  const isWork = busy || next !== undefined;
  const turn = isWork ? context.turn : await stores.records.newest(conversation);
  if (turn === undefined)
    return 'There is nothing to watch yet. Give me something to do, and text “/watch” while I work.';
  const url = await stores.watch.of(
    conversation,
    turn,
    next?.text ?? (await titleOf(stores, turn)),
  );
  const what = isWork ? 'Here you see me work' : 'Here is how my last work went, step by step';
  return `${what}:\n${url}\nThe link opens in one browser, within a day.`;
}

/** What was asked before this message and is not begun yet: this turn works on it next. */
async function requestBefore(
  { inbox }: Pick<CommandDeps['stores'], 'inbox'>,
  conversation: string,
  id: string,
): Promise<Message | undefined> {
  const waiting = await inbox.read(conversation);
  return waiting
    .slice(
      0,
      waiting.findIndex((message) => message.id === id),
    )
    .find(isRequest);
}

/** How many messages of a turn are read for what was asked; commands may stand before it. */
const mostRead = 10;

/** The person's own words that a turn is about; '' when they are no longer kept. */
async function titleOf(
  { redis }: Pick<CommandDeps['stores'], 'redis'>,
  turn: string,
): Promise<string> {
  const ids = await redis.lrange(keys.turnMessages(turn), 0, mostRead - 1);
  const said = ids.length === 0 ? [] : await redis.mget(ids.map((id) => keys.said(id)));
  const known = said.map((raw) => readMessage(raw ?? ''));
  const message = known.find((one) => one && isRequest(one)) ?? known[0];
  return message ? withoutPrefix(message).text : '';
}
