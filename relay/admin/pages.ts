import type { Frame } from './frame/layout.ts';
import type { Html } from './frame/html.ts';
import type { Directory } from '../../shared/store/people/directory.ts';
import type { Threads } from '../../shared/store/turns/thread.ts';
import type { Sessions } from '../../shared/store/sessions.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Spend } from '../../shared/store/money/spend.ts';
import type { Message } from '../../shared/store/message.ts';
import type { TurnList, TurnQuery, WaitingInbox } from '../../shared/store/turns/turn-list.ts';
import { PersonAddress } from '../../shared/runtime/person-address.ts';
import type { MeterPrices } from '../../shared/runtime/prices/message-fees.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { looksPage } from './looks-page.ts';
import { readLooks } from './looks.ts';
import { moneyPage } from './money/money-page.ts';
import { readMoney } from './money/money.ts';
import type { Overview } from './overview.ts';
import { overviewPage } from './overview-page.ts';
import { peoplePage } from './people/people-page.ts';
import { readPeople } from './people/people.ts';
import { readComputers } from '../people/start-move.ts';
import { threadPage } from './people/thread-page.ts';
import { findTurn, isTurnId } from './turns/find-turn.ts';
import { turnListPage } from './turns/list-page.ts';
import { parseListQuery, toTurnQuery } from './turns/list-query.ts';
import { turnPage } from './turns/turn-page.ts';
import type { TurnStories } from './turns/turn-story.ts';
import type { TurnRecords } from '../../shared/store/turns/records.ts';
import { createRecordReader } from '../watch/turn-record.ts';
import { revealed } from '../watch/step-view.ts';
import { cut } from '../../shared/runtime/cut.ts';

/** A page's content; or the path where it is. */
export type Page = { title: string; path: string; content: Html } | { redirect: string };

/** What the pages read from. */
export type PageSources = {
  redis: Redis;
  spend: Spend;
  sessions: Sessions;
  list: TurnList;
  threads: Threads;
  stories: TurnStories;
  records: Pick<TurnRecords, 'read'>;
  overview: (now: number, zone: string) => Promise<Overview>;
  /** A problem of this dashboard for the owner to fix; undefined without one. */
  warning: string | undefined;
  /** What messages and the computers cost. */
  prices: MeterPrices;
};

/** The owner's view of one moment: how to write, and who the people are. */
export type View = { frame: Frame; directory: Directory };

/**
 * Writes the page of an address below `/admin`; undefined if there is no such page. Reads only, so
 * that a page may be written again whenever it may have changed.
 */
export async function writePage(
  url: URL,
  view: View,
  sources: PageSources,
): Promise<Page | undefined> {
  const { frame, directory } = view;
  const { redis, spend, list } = sources;
  const [, section = '', name = '', ...rest] = url.pathname.split('/').slice(1);
  if (rest.length > 0) return undefined;
  const id = decode(name);
  if (id === '' && name !== '') return undefined;
  if (section === '' && name === '') {
    const overview = await sources.overview(frame.now, frame.zone);
    const content = overviewPage(overview, frame, sources.warning);
    return { title: 'Overview', path: '/admin', content };
  }
  if (section === 'turns')
    return id === '' ? await turnsPage(url, view, sources) : await onePage(id, frame, sources);
  if (section === 'people' && id !== '') return await conversationPage(id, url, view, sources);
  if (name !== '') return undefined;
  if (section === 'people') {
    const lines = await readPeople(redis, spend, directory, frame.now);
    return { title: 'People', path: '/admin/people', content: peoplePage(lines, frame) };
  }
  if (section === 'money') {
    const money = await readMoney(redis, spend, frame.now, frame.zone);
    const content = moneyPage(money, sources.prices, frame);
    return { title: 'Money', path: '/admin/money', content };
  }
  if (section === 'look')
    return {
      title: 'Needs a look',
      path: '',
      content: looksPage(await readLooks(redis, list, frame.now), frame),
    };
  return undefined;
}

/** A part of an address; '' if its escapes are broken. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

async function turnsPage(
  url: URL,
  { frame, directory }: View,
  { redis, list }: PageSources,
): Promise<Page> {
  const asked = parseListQuery(url.searchParams);
  const found = isTurnId(asked.words) ? await findTurn(redis, asked.words) : undefined;
  if (found !== undefined) return { redirect: found };
  const known = await createHomeRegistry(redis).list();
  const homes = known.length > 1 ? known : [];
  // A home that is not known asks for nothing.
  const home = homes.some(({ name }) => name === asked.home) ? asked.home : '';
  const query = { ...asked, home };
  const isWaiting = query.after === undefined && ['', 'waiting'].includes(query.state);
  const wanted = toTurnQuery(query, frame.zone, homes);
  const [{ turns, next }, open, count] = await Promise.all([
    list.find(wanted),
    isWaiting ? list.open() : undefined,
    list.count(),
  ]);
  const waiting = open ? waitingOf(open.inboxes, wanted) : [];
  const people = directory.people.flatMap(({ conversations, name }) =>
    conversations.map((one): [string, string] => [one, revealed(cut(name ?? one, 40))]),
  );
  const content = turnListPage({ query, turns, next, waiting, count, people, homes }, frame);
  return { title: 'Turns', path: '/admin/turns', content };
}

/** The messages among those that no turn has taken up that fit what is asked. */
function waitingOf(
  inboxes: WaitingInbox[],
  { conversation, words = '', home, since = 0, before = Number.POSITIVE_INFINITY }: TurnQuery,
): WaitingInbox[] {
  const small = words.toLowerCase();
  const fits = ({ at, text, profileName = '', conversation: of }: Message): boolean =>
    Date.parse(at) >= since &&
    Date.parse(at) < before &&
    [text, of, profileName].some((part) => part.toLowerCase().includes(small));
  return inboxes
    .filter((inbox) => conversation === undefined || conversation === inbox.conversation)
    .filter((inbox) => home === undefined || home === inbox.home)
    .map((inbox) => ({ ...inbox, messages: inbox.messages.filter(fits) }));
}

async function onePage(
  id: string,
  frame: Frame,
  { redis, stories, records }: PageSources,
): Promise<Page | undefined> {
  if (!isTurnId(id)) return undefined;
  const [story, entries] = await Promise.all([stories.read(id), records.read(id)]);
  const isOwn = story !== undefined && story.turn.begunAt !== undefined;
  // A message that was steered into another turn stands there.
  const found = isOwn ? undefined : await findTurn(redis, id);
  if (found !== undefined && found !== `/admin/turns/${encodeURIComponent(id)}`)
    return { redirect: found };
  if (!story) return undefined;
  const reader = createRecordReader();
  reader.add(entries);
  return { title: 'Turn', path: '', content: turnPage(story, reader.record, frame) };
}

/** How many entries of a thread a page shows. */
const mostEntries = 60;

async function conversationPage(
  id: string,
  url: URL,
  { frame, directory }: View,
  { redis, spend, threads, sessions }: PageSources,
): Promise<Page | undefined> {
  const conversation = PersonAddress.safeParse(id).data;
  if (conversation === undefined) return undefined;
  const from = url.searchParams.get('before') ?? '';
  const before = /^\d{1,16}$/.test(from) ? Number(from) : undefined;
  const only = {
    ...directory,
    people: directory.people.filter((person) => person.conversations.includes(conversation)),
  };
  const [lines, part, kept, current, computers] = await Promise.all([
    readPeople(redis, spend, only, frame.now, [conversation]),
    threads.read(conversation, mostEntries, before),
    sessions.list(conversation, 20),
    redis.hget(keys.conversation(conversation), 'session'),
    readComputers(redis, conversation),
  ]);
  const [line] = lines;
  const isKnown =
    part.entries.length > 0 || line?.person !== undefined || line?.wroteAt !== undefined;
  if (!line || !isKnown) return undefined;
  const content = threadPage(
    {
      line,
      ...part,
      isLatest: before === undefined,
      sessions: kept,
      current: current ?? undefined,
      computers,
    },
    frame,
  );
  const title = revealed(cut(frame.nameOf(conversation) ?? conversation, 60));
  return { title, path: '', content };
}
