import { momentOfClock } from '../../../shared/runtime/time-zone.ts';
import { PersonAddress } from '../../../shared/runtime/person-address.ts';
import { homeNamePattern } from '../../../shared/store/homes/home-name.ts';
import type { HomeRecord } from '../../../shared/store/homes/registry.ts';
import { TurnState } from '../../../shared/store/turns/turn-list.ts';
import type { TurnCursor, TurnQuery } from '../../../shared/store/turns/turn-list.ts';

/** How many turns a page lists. */
const mostListed = 25;

/** What the address of a list asks for, as the form shows it; '' for nothing. */
export type ListQuery = {
  words: string;
  person: string;
  state: TurnState | '';
  /** The name of a home. */
  home: string;
  /** `YYYY-MM-DD`. */
  day: string;
  after: TurnCursor | undefined;
};

const dayMs = 24 * 3600_000;

/** Parses the address. Values that make no sense are ignored. */
export function parseListQuery(parameters: URLSearchParams): ListQuery {
  const get = (name: string): string => parameters.get(name) ?? '';
  const day = isDay(get('day'));
  const [, at = '', id = ''] = /^(\d{1,16})\.([\w.-]{1,200})$/.exec(get('after')) ?? [];
  return {
    words: get('q').trim().slice(0, 200),
    person: PersonAddress.safeParse(get('person')).data ?? '',
    state: TurnState.safeParse(get('state')).data ?? '',
    home: homeNamePattern.test(get('home')) ? get('home') : '',
    day: day ? get('day') : '',
    after: id === '' ? undefined : { id, at: Number(at) },
  };
}

/** Whether it is a day of the calendar, `YYYY-MM-DD`. */
function isDay(text: string): boolean {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** The same for the store; a day is one of the owner's calendar. */
export function toTurnQuery(
  query: ListQuery,
  zone: string,
  homes: readonly Pick<HomeRecord, 'name' | 'suffix'>[],
): TurnQuery {
  const { words, person, state, home, day, after } = query;
  const [from, to] = [Date.parse(day), Date.parse(day) + dayMs].map((time) =>
    momentOfClock(time, zone),
  );
  return {
    words,
    conversation: person || undefined,
    state: state || undefined,
    home: homes.find(({ name }) => name === home)?.suffix,
    since: day ? from : undefined,
    before: day ? to : undefined,
    after,
    most: mostListed,
  };
}

/** The address of the page after this one. */
export function nextAddress(query: ListQuery, next: TurnCursor): string {
  const { words, person, state, home, day } = query;
  const given = Object.entries({
    q: words,
    person,
    state,
    home,
    day,
    after: `${next.at}.${next.id}`,
  });
  return `/admin/turns?${new URLSearchParams(given.filter(([, value]) => value !== '')).toString()}`;
}
