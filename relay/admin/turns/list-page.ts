import { adminEmpty } from '../frame/empty.ts';
import type { Frame } from '../frame/layout.ts';
import { counted } from '../frame/format-measures.ts';
import { Html, html } from '../frame/html.ts';
import { TurnState } from '../../../shared/store/turns/turn-list.ts';
import type { Turn, TurnCursor, WaitingInbox } from '../../../shared/store/turns/turn-list.ts';
import type { HomeRecord } from '../../../shared/store/homes/registry.ts';
import { nextAddress } from './list-query.ts';
import type { ListQuery } from './list-query.ts';
import { stateNames, turnRow, waitingRows } from './turn-row.ts';

/** A page of the list; `people` are those who can be filtered by: conversation and name. */
export type TurnListing = {
  query: ListQuery;
  turns: Turn[];
  next: TurnCursor | undefined;
  waiting: WaitingInbox[];
  count: number;
  people: [conversation: string, name: string][];
  /** The homes, if there are several. */
  homes: readonly Pick<HomeRecord, 'name' | 'suffix'>[];
};

/** The list of turns with its search. */
export function turnListPage(listing: TurnListing, frame: Frame): Html {
  const { query, turns, next, waiting, count, homes } = listing;
  const homeName = (turn: Turn): string | undefined =>
    homes.find(({ suffix }) => suffix === turn.home)?.name;
  const rows = [
    ...waitingRows(waiting, frame),
    ...turns.map((turn) => turnRow(turn, frame, homeName(turn))),
  ];
  const isFiltered = [query.words, query.person, query.state, query.home, query.day].some(
    (value) => value !== '',
  );
  return html`<div class="head"><h1>Turns</h1><span class="soft small">${counted(count, 'turn')} kept</span></div>
<section class="card" aria-label="Search">${form(listing)}</section>
<section class="card" aria-label="Turns found"><ul class="rows">${rows}</ul>${rows.length === 0 && nothing(isFiltered, next)}</section>
${next && html`<div class="actions"><a class="button" rel="next" href="${nextAddress(query, next)}">${rows.length === 0 ? 'Look further back' : 'Older turns'}</a>${query.after && html`<a class="button" href="${newestAddress(query)}">Newest</a>`}</div>`}
${!next && query.after && html`<div class="actions"><a class="button" href="${newestAddress(query)}">Newest</a></div>`}`;
}

function newestAddress({ words, person, state, home, day }: ListQuery): string {
  const given = Object.entries({ q: words, person, state, home, day }).filter(
    ([, value]) => value !== '',
  );
  return `/admin/turns?${new URLSearchParams(given).toString()}`;
}

function nothing(isFiltered: boolean, next: TurnCursor | undefined): Html {
  if (next) return adminEmpty('Nothing among the turns looked through so far.');
  return isFiltered
    ? adminEmpty('No turn fits this search.', ['/admin/turns', 'Show all turns'])
    : adminEmpty(
        'Each request to Claude stands here as a turn, with its answer, its times and its cost. Send a message from your phone to begin.',
      );
}

function form({ query, people, homes }: TurnListing): Html {
  const isUnknown =
    query.person !== '' && !people.some(([conversation]) => conversation === query.person);
  const option = (value: string, name: string, chosen: string): Html =>
    html`<option value="${value}"${value === chosen && new Html(' selected')}>${name}</option>`;
  return html`<form class="filters" method="get" action="/admin/turns" role="search">
<label class="search">Words, a number or an id<input type="search" name="q" value="${query.words}" autocomplete="off" maxlength="200"></label>
<label>Person<select name="person">${option('', 'Everybody', query.person)}${people.map(([conversation, name]) => option(conversation, name, query.person))}${isUnknown && option(query.person, query.person, query.person)}</select></label>
<label>State<select name="state">${option('', 'Any', query.state)}${TurnState.options.filter((state) => state !== 'unknown').map((state) => option(state, stateNames[state], query.state))}</select></label>
${homes.length > 0 && html`<label>Computer<select name="home">${option('', 'Any', query.home)}${homes.map(({ name }) => option(name, name, query.home))}</select></label>`}
<label>Day<input type="date" name="day" value="${query.day}"></label>
<button class="main">Search</button></form>`;
}
