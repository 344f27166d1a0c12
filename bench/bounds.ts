import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { PhoneInput } from '../simulator/chat.ts';
import { callTool, text } from '../simulator/model/answer.ts';
import { writeMarkdown } from '../simulator/model/stories/long-answer.ts';
import type { Story } from '../simulator/model/stories/story.ts';
import { withBoundsStage } from './bounds-stage.ts';
import type { BoundsStage, Watched } from './bounds-stage.ts';
import type { Row, Section } from './section.ts';
import { formatNumber, median } from './statistics.ts';

const mostMs = 50;
/**
 * The maximum growth of the worker's memory (bytes): ten times the largest file that WhatsApp
 * accepts, for its bytes, its pixels and the data derived from them.
 */
const mostGrowth = 10 * 16 * 2 ** 20;

const printed = 50_000_000;
const file = 'large.png';

const stories: Story[] = [
  {
    matches: (asked) => asked === 'print',
    next: ({ results }) =>
      results.length === 0
        ? callTool('Bash', {
            command: `yes 'a line of what a tool prints' | head -c ${printed}`,
            description: 'Print 50 MB',
          })
        : text('Printed.'),
  },
  { matches: (asked) => asked === 'write', next: () => text(writeMarkdown(100_000)) },
  {
    matches: (asked) => asked === 'show',
    next: ({ results }) =>
      results.length === 0 ? callTool('mcp__whatsapp__send_file', { path: file }) : text('Shown.'),
  },
  { matches: (asked) => asked.startsWith('look'), next: () => text('Seen.') },
];

/** A picture of noise, which does not compress: about 16 MB as PNG. */
async function largePicture(): Promise<Buffer> {
  const [width, height] = [2600, 2040];
  return await sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
}

const mediaInput = (picture: Buffer): PhoneInput => ({
  text: 'look at this',
  media: { name: 'picture.png', type: 'image/png', base64: picture.toString('base64') },
});

type Case = { what: string; input: PhoneInput; replies: number };
type Seen = { relay: Watched[]; worker: Watched[] };

async function watchAll(
  stage: BoundsStage,
  cases: Case[],
  rounds: number,
  say: (line: string) => void,
): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>(cases.map(({ what }) => [what, { relay: [], worker: [] }]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { what, input, replies } of cases) {
      say(`${what} …`);
      const { relay, worker } = await stage.watch(input, replies);
      seen.get(what)?.relay.push(relay);
      seen.get(what)?.worker.push(worker);
    }
  }
  return seen;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

function rowsOf(what: string, { relay, worker }: Seen, isPeer: boolean): Row[] {
  const longest = {
    relay: median(relay.map(({ longestMs }) => longestMs)),
    worker: median(worker.map(({ longestMs }) => longestMs)),
  };
  const [from, most] = [
    median(worker.map(({ fromBytes }) => fromBytes)),
    median(worker.map(({ mostBytes }) => mostBytes)),
  ];
  const delays = `worker ${formatNumber(longest.worker)} ms, relay ${formatNumber(longest.relay)} ms`;
  if (isPeer) return [{ what: `${what}: longest hold-up of the event loop`, ours: delays }];
  return [
    {
      what: `${what}: longest hold-up of the event loop`,
      ours: delays,
      target: `≤ ${mostMs} ms`,
      held: Math.max(longest.relay, longest.worker) <= mostMs,
    },
    {
      what: `${what}: the worker’s memory before → at most`,
      ours: `${megabytes(from)} → ${megabytes(most)}`,
      target: `≤ ${megabytes(mostGrowth)} more`,
      held: most - from <= mostGrowth,
    },
  ];
}

export const boundsSection: Section = {
  name: 'bounds',
  title: 'Large things',
  method:
    'Relay and worker as production runs them, with the real Claude Code, each with `monitorEventLoopDelay` (every 5 ms) loaded into it. A tool that prints 50 MB; an answer of 100,000 characters, whose page is then read; a picture of 16 MB sent by the person; one of 16 MB sent by Claude. The number is the longest hold-up of the round, and over the rounds the median, since on a busy machine the system itself holds a process up; a message of two words tells how long.',
  run: (options) =>
    withBoundsStage(options, stories, async (stage) => {
      const picture = await largePicture();
      const hello: Case = { what: 'two words', input: { text: 'say hello' }, replies: 1 };
      await stage.watch(hello.input, 1);
      // Code loaded with the first picture is independent of its size.
      await stage.watch(
        mediaInput(
          await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } })
            .png()
            .toBuffer(),
        ),
        1,
      );
      await writeFile(path.join(stage.workspace(), file), picture);
      const cases: Case[] = [
        hello,
        { what: 'a tool prints 50 MB', input: { text: 'print' }, replies: 1 },
        { what: 'an answer of 100,000 characters', input: { text: 'write' }, replies: 2 },
        {
          what: `a picture of ${megabytes(picture.byteLength)} comes in`,
          input: mediaInput(picture),
          replies: 1,
        },
        {
          what: `a picture of ${megabytes(picture.byteLength)} goes out`,
          input: { text: 'show' },
          replies: 2,
        },
      ];
      const seen = await watchAll(
        stage,
        cases,
        options.quick ? 1 : Math.min(options.rounds, 5),
        options.say,
      );
      return {
        rows: [...seen].flatMap(([what, watched]) => rowsOf(what, watched, what === hello.what)),
        notes: [
          'The first page that a relay shows after its start loads Express and the pages, once: that held its event loop up for 78 ms (169 ms before it was done in two pieces). The median of the rounds does not show it.',
        ],
      };
    }),
};
