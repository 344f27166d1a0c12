import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { ApiError } from '../../simulator/model/api-error.ts';
import type { MessagesRequest } from '../../simulator/model/messages-request.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { FailureKind } from '../../worker/agent/agent-failure.ts';
import { failureSentence, limitWithoutTime } from '../../worker/turn/ending/failure-sentence.ts';
import { scaled } from '../support/machine-speed.ts';
import { withPipeline } from '../support/pipeline.ts';
import { fromHere, modelKey, said, texts, withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/**
 * A usage limit that begins with the first request and ends by itself, as the API's does: however
 * slow the machine is, the limit's end is in the future when it is told.
 */
function limitUntilReset(): {
  refuse: (request: MessagesRequest) => ApiError | undefined;
  resetsAt(): number;
} {
  let resetsAt: number | undefined;
  return {
    resetsAt: () => resetsAt ?? NaN,
    refuse() {
      resetsAt ??= Math.ceil((Date.now() + scaled(6000)) / 1000) * 1000;
      const leftMs = resetsAt - Date.now();
      if (leftMs <= 0) return undefined;
      return {
        status: 429,
        type: 'rate_limit_error',
        message: "This request would exceed your account's rate limit.",
        headers: {
          'retry-after': String(Math.ceil(leftMs / 1000)),
          'anthropic-ratelimit-unified-status': 'rejected',
          'anthropic-ratelimit-unified-reset': String(resetsAt / 1000),
          'anthropic-ratelimit-unified-representative-claim': 'five_hour',
        },
      };
    },
  };
}

test(
  'a passing overload is not felt; other trouble is a sentence, “retry” goes on, no secret is kept',
  { tags: 'long' },
  async () => {
    await withStory({}, async (bench) => {
      bench.model.faults.overloaded = 1;
      await bench.say('say all is well');
      await until('the answer', () => texts(bench).length > 0);
      expect(texts(bench)).toEqual(['all is well']);
      const troubles = [
        ['unauthorized', 'signed-out'],
        ['creditTooLow', 'no-credit'],
      ] as const;
      for (const [index, [fault, kind]] of troubles.entries()) {
        bench.model.faults[fault] = Infinity;
        await bench.say(`say number ${index}`);
        await said(bench, failureSentence(kind));
        bench.model.faults[fault] = 0;
        await bench.say('retry');
        await said(bench, `number ${index}`);
        expect(texts(bench)).toHaveLength(3 + index * 2);
      }
      const failed = await bench.jobs('failed');
      expect(failed.map(({ failedReason }) => failedReason)).toContain(
        'no-credit: Credit balance is too low',
      );
      const stored = JSON.stringify([
        failed.map((job) => job.toJSON()),
        await Promise.all(failed.map(bench.logs)),
      ]);
      expect(stored).toContain('failed: no-credit: Credit balance is too low');
      for (const secret of [
        modelKey,
        bench.environment['TWILIO_AUTH_TOKEN'] ?? '?',
        bench.environment['ADMIN_PASSWORD'] ?? '?',
      ])
        expect(stored).not.toContain(secret);
    });
  },
);

// That Claude Code fails in these ways is shown in tests/worker/agent-claude-faults.test.ts.
test('so are a lasting overload and no such model', async () => {
  await withPipeline({}, async (bench) => {
    let trouble: FailureKind | undefined;
    await bench.startWorker({
      answer: async (text) => {
        if (trouble !== undefined) throw new AgentFailure(trouble, 'not now');
        return text;
      },
    });
    for (const [index, kind] of (['overloaded', 'no-model'] as const).entries()) {
      trouble = kind;
      await bench.say(`number ${index}`);
      await said(bench, failureSentence(kind));
      trouble = undefined;
      await bench.say('retry');
      await said(bench, `number ${index}`);
      expect(texts(bench)).toHaveLength(2 + index * 2);
    }
  });
});

test(
  'a usage limit is told with the time of its end, waited for, and the turn goes on by itself',
  { tags: 'long' },
  async () => {
    await withStory(
      {
        agent: {
          secrets: {
            ANTHROPIC_API_KEY: undefined,
            CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-scripted',
          },
        },
      },
      async (bench) => {
        await bench.say('say one');
        await said(bench, 'one');
        const limit = limitUntilReset();
        bench.model.faults.refuse = limit.refuse;
        await bench.say('say two');
        const sentence = await said(bench, 'usage limit');
        expect(sentence.text).toMatch(
          /^Claude's usage limit is reached until (?:.* )?\d{1,2}:\d\d UTC\. I go on by myself then\.$/,
        );
        await said(bench, 'two');
        expect(Date.now()).toBeGreaterThanOrEqual(limit.resetsAt());
        expect(texts(bench)).toEqual(['one', sentence.text, 'two']);
      },
    );
  },
);

test('a usage limit without a time is said once, waited for, and the turn goes on by itself', async () => {
  await withPipeline({}, async ({ say, replies, redis, startWorker }) => {
    let limited = true;
    await startWorker({
      answer: async (text) => {
        if (limited) throw new AgentFailure('usage-limit', 'limit reached');
        return `answer to ${text}`;
      },
    });
    await say('hello');
    await until(
      'a turn that is put off',
      async () => (await redis.zcard(keys.delayed('turns'))) === 1,
    );
    await until('the sentence', () => replies().length === 1);
    limited = false;
    // A message brings a turn that is put off forward; its pause would be a minute.
    await say('more');
    await until('both answers', () => replies().length === 3);
    expect(replies().map(({ text }) => text)).toEqual([
      limitWithoutTime,
      'answer to hello',
      'answer to more',
    ]);
  });
});

/** `find NAME`: says what it has found beside a command, and then that it is done. */
const find: Story = {
  matches: (asked) => /^find \w+$/.test(asked) || asked.includes('You were interrupted'),
  next: ({ results }, asked) =>
    results.length > 0 || !asked.startsWith('find ')
      ? text('All is done.')
      : [
          ...text(`The bug of ${asked.slice(5)} is in line 43.`),
          ...callTool('Bash', { command: 'echo looked' }),
        ],
};

const isAfterTool = ({ messages }: MessagesRequest): boolean =>
  JSON.stringify(messages.at(-1)).includes('tool_result');

/** Refused in the middle of the turn, and the sentence that then comes. */
const middle: [name: string, error: ApiError, kind: FailureKind][] = [
  [
    'size',
    { status: 413, type: 'request_too_large', message: 'Request exceeds the maximum size' },
    'unreadable',
  ],
  ['load', { status: 529, type: 'overloaded_error', message: 'Overloaded' }, 'overloaded'],
  [
    'bill',
    { status: 402, type: 'billing_error', message: 'Your account has an unpaid invoice.' },
    'no-credit',
  ],
  [
    'credit',
    {
      status: 400,
      type: 'invalid_request_error',
      message: 'Your credit balance is too low to access the Anthropic API.',
    },
    'no-credit',
  ],
];

test(
  'a refusal in the middle of a turn: what Claude has said arrives, then the sentence, and what waits for a date goes on by itself',
  { tags: 'long' },
  async () => {
    const secrets = {
      ANTHROPIC_API_KEY: undefined,
      CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-scripted',
    };
    const options = { stories: [find], agent: { secrets, modelPatienceMs: 2000 } };
    await withStory(options, async (whole) => {
      const refuse = (error: ApiError | undefined): void => {
        whole.model.faults.refuse = (request) => (isAfterTool(request) ? error : undefined);
      };
      for (const [name, error, kind] of middle) {
        const bench = fromHere(whole);
        refuse(error);
        await bench.say(`find ${name}`);
        await said(bench, failureSentence(kind));
        refuse(undefined);
        await bench.say('retry');
        await said(bench, 'All is done.');
        expect(texts(bench)).toEqual([
          `The bug of ${name} is in line 43.`,
          expect.stringContaining(failureSentence(kind)),
          expect.stringContaining('All is done.'),
        ]);
      }

      const bench = fromHere(whole);
      const limit = limitUntilReset();
      whole.model.faults.refuse = (request) =>
        isAfterTool(request) ? limit.refuse(request) : undefined;
      await bench.say('find limit');
      await said(bench, "Claude's usage limit is reached until");
      await said(bench, 'All is done.');
      expect(Date.now()).toBeGreaterThanOrEqual(limit.resetsAt());
      expect(texts(bench)).toEqual([
        'The bug of limit is in line 43.',
        expect.stringMatching(/until .* UTC\. I go on by myself then\.$/),
        expect.stringContaining('All is done.'),
      ]);
    });
  },
);
