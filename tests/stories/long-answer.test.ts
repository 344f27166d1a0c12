import { expect, test } from 'vitest';
import { text } from '../../simulator/model/answer.ts';
import { writeMarkdown } from '../../simulator/model/stories/long-answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { messageLimit } from '../../worker/reply/chunk.ts';
import { said, texts, withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const report = `## What I found

The **login page** was *broken*: see [the pull request](https://github.com/acme/shop/pull/7).

- The form
  - had no label
- The button

| Page | Seconds |
| --- | ---: |
| login | 0.4 |
| cart | 12 |`;

/** The same as WhatsApp shows it. */
const shownReport = `*What I found*

The *login page* was _broken_: see the pull request (https://github.com/acme/shop/pull/7).

- The form
    ◦ had no label
- The button

\`\`\`
Page   Seconds
─────  ───────
login      0.4
cart        12
\`\`\``;

const patch = '```diff\n-const label = undefined;\n+const label = "Password";\n```';

/** `report`, and `all of it`: the report with much more behind it. */
const reporter: Story = {
  matches: (asked) => asked === 'report' || asked === 'all of it',
  next: (_view, asked) =>
    text(
      asked === 'report'
        ? report
        : [report, writeMarkdown(9000), patch, 'The very end.'].join('\n\n'),
    ),
};

test(
  'Markdown becomes WhatsApp’s own marks; a longer answer is cut where it reads well, a very long one is its opening and a link to a page of the whole',
  { tags: 'long' },
  async () => {
    await withStory({ stories: [reporter] }, async (bench) => {
      await bench.say('report');
      expect((await said(bench, 'What I found')).text).toBe(shownReport);

      await bench.say('4000 characters');
      await until('the parts', () => texts(bench).length === 4);
      for (const part of texts(bench).slice(1)) {
        expect(part.length).toBeLessThanOrEqual(messageLimit);
        expect(part.split('```').length % 2).toBe(1);
      }

      await bench.say('all of it');
      const { text: link } = await said(bench, '/page/');
      expect(texts(bench)).toHaveLength(6);
      // A busy machine may not render it in time, which shows its plain text.
      const html = await until('the rendered page', async () => {
        const page = await fetch(link.split('\n').at(-1) ?? '');
        expect(page.status).toBe(200);
        const shown = await page.text();
        return shown.includes('<p>The very end.</p>') && shown;
      });
      for (const part of ['<td align="right">12</td>', 'hljs-addition', 'hljs-keyword'])
        expect(html).toContain(part);
    });
  },
);
