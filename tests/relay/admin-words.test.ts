import { array, assert, double, property } from 'fast-check';
import { expect, test } from 'vitest';
import { chatText } from '../../relay/admin/frame/chat-text.ts';
import { Html, html } from '../../relay/admin/frame/html.ts';
import {
  agoWords,
  counted,
  dollars,
  durationWords,
  momentWords,
} from '../../relay/admin/frame/format-measures.ts';
import { tickScript } from '../../relay/admin/frame/tick-script.ts';
import { spendPlot } from '../../relay/admin/money/plot.ts';
import { personTimes } from '../../relay/admin/turns/turn-times.ts';
import { turnTitle } from '../../relay/admin/turns/message-title.ts';
import { parseStep } from '../../relay/admin/turns/turn-story.ts';
import { Message } from '../../shared/store/message.ts';
import type { Turn } from '../../shared/store/turns/turn-list.ts';
import { createSamples, spreadOf } from '../../relay/metric-samples.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

test('lengths of time, moments and money are said as people say them', () => {
  expect(
    [
      0,
      3.14,
      12,
      999,
      1000,
      4240,
      9990,
      10_000,
      59_999,
      60_000,
      3_599_999,
      3_600_000,
      47 * 3_600_000,
      48 * 3_600_000,
    ].map((ms) => plain(durationWords(ms))),
  ).toEqual([
    '0 ms',
    '3.1 ms',
    '12 ms',
    '999 ms',
    '1.0 s',
    '4.2 s',
    '10.0 s',
    '10 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h',
    '47 h',
    '2 days',
  ]);
  expect(
    [100_000, 99_500, 98_000, 40_000, 102_500, 300_000].map((at) => plain(agoWords(at, 100_000))),
  ).toEqual(['now', 'now', '2 s ago', '1 min ago', 'in 2 s', 'in 3 min']);
  expect([0, 0.0006, 0.05, 0.1, 1, 1234.567].map((amount) => dollars(amount, false))).toEqual([
    '$0.00',
    '<$0.01',
    '$0.05',
    '$0.10',
    '$1.00',
    '$1234.57',
  ]);
  // An open page goes on in the same words; beyond a minute, work that goes on has its seconds.
  const { took, away } = new Function(`${tickScript}; return { took, away };`)() as Record<
    'took' | 'away',
    (ms: number) => string
  >;
  const lengths = [1000, 4200, 9999, 10_000, 59_999, 60_000, 3599_000, 3600_000, 172_800_000, 1e9];
  for (const ms of lengths)
    expect([away(ms), away(-ms)]).toEqual([agoWords(0, ms), agoWords(ms, 0)]);
  for (const ms of lengths.slice(0, 5)) expect(took(ms)).toBe(durationWords(ms));
  expect([0, 61_000, 3_723_000].map((ms) => plain(took(ms)))).toEqual([
    '0.0 s',
    '1 min 1 s',
    '1 h 2 min',
  ]);
  const moment = Date.UTC(2026, 10, 3, 4, 5, 6);
  expect(['UTC', 'Europe/Berlin'].map((zone) => plain(momentWords(moment, zone)))).toEqual([
    '3 Nov, 04:05:06',
    '3 Nov, 05:05:06',
  ]);
  expect([counted(1, 'message'), counted(0, 'message'), counted(2, 'reply', 'replies')]).toEqual([
    '1 message',
    '0 messages',
    '2 replies',
  ]);
});

test('an answer was sent before it was delivered, whichever is known first', () => {
  const line = { status: 'delivered', at: 10, pacedMs: 0, isAside: false, code: undefined };
  const reply = { ...line, postedAt: 58, deliveredAt: 50 };
  const turn = { at: 10, state: 'answered' as const };
  expect(personTimes({ ...turn, replies: [reply] })).toEqual({
    accepted: 10,
    firstWord: 50,
    answerSent: 50,
    delivered: 50,
    pacedMs: 0,
  });
  const asked = { ...reply, isAside: true, postedAt: 20, deliveredAt: undefined };
  expect(personTimes({ ...turn, replies: [asked, reply] })).toMatchObject({
    firstWord: 20,
    answerSent: 50,
  });
});

test('amounts of a model that costs nothing are called pretend, in the plot, too', () => {
  expect(plain(dollars(1.5, true))).toBe('pretend $1.50');
  const plot = plain(spendPlot([{ day: '2026-11-23', costUsd: 0.5 }], true).text);
  expect(plot).toContain('highest day pretend $0.50');
  expect(plot.match(/\$/g)).toHaveLength(plot.match(/pretend \$/g)?.length ?? 0);
});

test('a text of the chat has WhatsApp’s marks, and no others', () => {
  expect(chatText('*bold* _it_ ~no~ `a*b*` 2*3*4 snake_case_name <b>').text).toBe(
    '<strong>bold</strong> <em>it</em> <s>no</s> <code>a*b*</code> 2*3*4 snake_case_name &lt;b&gt;',
  );
  expect(chatText('```x\n*y*```').text).toBe('<code>x\n*y*</code>');
});

test('what stands in a template is text, unless it is HTML already', () => {
  const hostile = `<img src=x onerror="a('b')">&`;
  expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(
    '<p title="&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;">&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;</p>',
  );
  expect(
    html`${new Html('<b>')}${[html`${1}`, html`<i>`]}${undefined}${null}${false}${''}`.text,
  ).toBe('<b>1<i>');
});

test('the plot has a bar for each day that stays within it, and none that cannot be seen', () => {
  assert(
    property(
      array(double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 }),
      (sums) => {
        const days = sums.map((costUsd, index) => ({
          day: new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10),
          costUsd,
        }));
        const bars = [
          ...spendPlot(days, false).text.matchAll(
            /<rect x="([\d.]+)" y="([\d.]+)" width="7" height="([\d.]+)" class="bar/g,
          ),
        ].map(([, ...numbers]) => numbers.map(Number));
        expect(bars).toHaveLength(sums.length);
        for (const [, y = -1, height = 0] of bars) {
          expect(height).toBeGreaterThanOrEqual(1.5);
          expect(Math.abs(y + height - 100)).toBeLessThan(0.2);
        }
      },
    ),
    { numRuns: 100 },
  );
  expect(spendPlot([{ day: '2026-11-23', costUsd: 0 }], false).text).toContain('nothing spent');
  // Above every bar, the budget's line fills the plot.
  expect(spendPlot([{ day: '2026-11-23', costUsd: 1 }], false, 4).text).toContain('y1="0" y2="0"');
  expect(
    plain(
      spendPlot(
        [
          { day: '2026-11-22', costUsd: 1.5 },
          { day: '2026-11-23', costUsd: 0.5 },
        ],
        false,
      ).text,
    ),
  ).toContain('aria-label="$2.00 in 2 days, at most $1.50 on one day"');
});

test('the spread of measured times: half of them, and 95 of 100', () => {
  expect(spreadOf([])).toBeUndefined();
  expect(spreadOf([7])).toEqual({ p50: 7, p95: 7, count: 1 });
  expect(spreadOf(Array.from({ length: 100 }, (_, index) => 100 - index))).toEqual({
    p50: 50,
    p95: 95,
    count: 100,
  });
  const samples = createSamples(3);
  for (const ms of [1, 2, 3, 4]) samples.note(ms);
  expect(samples.all().toSorted()).toEqual([2, 3, 4]);
});

test("a line of a turn's log begins with its time, or is only text", () => {
  expect(parseStep('2026-11-23T22:17:38.166Z Bash echo hi\nthere')).toEqual({
    at: Date.UTC(2026, 10, 23, 22, 17, 38, 166),
    text: 'Bash echo hi\nthere',
  });
  expect(parseStep('no time')).toEqual({ at: undefined, text: 'no time' });
});

test('a turn is named for what was asked, not for a command before it', () => {
  const part = (text: string): Turn['messages'][number] => {
    const id = `SM${'0'.repeat(32)}`;
    const message = Message.parse({
      id,
      conversation: '+15550001111',
      to: '+15550002222',
      text,
      media: [],
      at: '2026-11-23T14:05:09.000Z',
    });
    return { id, state: 'answered', attempts: 1, message };
  };
  expect(turnTitle({ messages: [part('/watch'), part('fix the footer')] })).toBe('fix the footer');
  expect(turnTitle({ messages: [part('/watch')] })).toBe('/watch');
  expect(turnTitle({ messages: [] }, 'My work')).toBe('My work');
  // A title leads to its turn, so it can be seen, and reads as what it is.
  expect(turnTitle({ messages: [part('\u200B\u2060 \u2800\u3164')] })).toBe(
    'Nothing that can be seen',
  );
  expect(turnTitle({ messages: [part('\u202Egnp.exe')] })).toBe('⟨U+202E⟩gnp.exe');
  expect(turnTitle({ messages: [part('👩‍👩‍👧‍👦')] })).toBe('👩‍👩‍👧‍👦');
});
