import { formatResource, type MessageRecord, type MessageResource } from './message-record.ts';
import { Refusal } from './error-codes.ts';

/** One page of GET Messages, in Twilio's form. */
export type MessagePage = {
  messages: MessageResource[];
  page: number;
  page_size: number;
  start: number;
  end: number;
  uri: string;
  first_page_uri: string;
  next_page_uri: string | null;
  previous_page_uri: string | null;
};

const dayMs = 86_400_000;

/**
 * Filters and pages messages as GET Messages does: newest first; To, From and DateSent (`=`, `>`
 * and `<`, where the bounds belong to the range and a date without a time means the whole GMT day).
 * A message without a date_sent fits no DateSent filter. The page token names the last message of
 * the page before, so that new messages shift nothing.
 * @param records oldest first. @param path of the list resource. @throws Refusal 20001 for a value
 * that cannot be read.
 */
export function pageMessages(
  records: readonly MessageRecord[],
  query: URLSearchParams,
  path: string,
): MessagePage {
  const size = readSize(query.get('PageSize') ?? undefined);
  const page = Number(query.get('Page') ?? 0) || 0;
  const found = records.filter(createFilter(query)).toReversed();
  const token = query.get('PageToken') ?? undefined;
  const last = token === undefined ? -1 : found.findIndex((record) => `PA${record.sid}` === token);
  if (token !== undefined && last < 0)
    throw new Refusal(20001, `PageToken "${token}" names no page`);
  const slice = found.slice(last + 1, last + 1 + size);
  const more = last + 1 + size < found.length;
  const link = (pageNumber: number, after?: string): string => {
    const linked = new URLSearchParams(query);
    linked.set('PageSize', String(size));
    linked.set('Page', String(pageNumber));
    linked.delete('PageToken');
    if (after !== undefined) linked.set('PageToken', `PA${after}`);
    return `${path}?${linked}`;
  };
  return {
    messages: slice.map(formatResource),
    page,
    page_size: size,
    start: last + 1,
    end: last + Math.max(1, slice.length),
    uri: query.size === 0 ? path : `${path}?${query}`,
    first_page_uri: link(0),
    next_page_uri: more ? link(page + 1, slice.at(-1)?.sid) : null,
    previous_page_uri: page > 0 ? link(page - 1, found[last - size]?.sid) : null,
  };
}

function readSize(text: string | undefined): number {
  if (text === undefined) return 50;
  const size = Number(text);
  const allowed = Number.isInteger(size) && size >= 1 && size <= 1000;
  if (!allowed) throw new Refusal(20001, `PageSize must be from 1 to 1000, not "${text}"`);
  return size;
}

function createFilter(query: URLSearchParams): (record: MessageRecord) => boolean {
  const read = (name: string): string | undefined => query.get(name) ?? undefined;
  const [to, from] = [read('To'), read('From')];
  const on = readRange(read('DateSent'));
  const since = readRange(read('DateSent>'));
  const until = readRange(read('DateSent<'));
  return (record) => {
    if (to !== undefined && record.to !== to) return false;
    if (from !== undefined && record.from !== from) return false;
    if (on === undefined && since === undefined && until === undefined) return true;
    if (record.sentAt === undefined) return false;
    // date_sent has a resolution of one second, so it is compared to the second.
    const sent = Math.floor(record.sentAt.getTime() / 1000) * 1000;
    if (on !== undefined && (sent < on.start || sent > on.end)) return false;
    if (since !== undefined && sent < since.start) return false;
    return until === undefined || sent <= until.end;
  };
}

/** The milliseconds a date or a time stands for: a whole day, or one moment. */
function readRange(text: string | undefined): { start: number; end: number } | undefined {
  if (text === undefined) return undefined;
  const start = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(start))
    throw new Refusal(20001, `DateSent "${text}" is not like 2026-01-31 or 2026-01-31T12:00:00Z`);
  return { start, end: text.length === 10 ? start + dayMs - 1000 : start };
}
