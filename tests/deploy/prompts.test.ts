import { expect, test } from 'vitest';
import type { Asking } from '../../deploy/asking.ts';
import { SetupError } from '../../shared/runtime/errors.ts';
import { agreements, isChange, prefix, withDeploy } from '../support/deploy-bench.ts';
import type { DeployBench } from '../support/deploy-bench.ts';

const changed = ({ fly }: DeployBench): boolean => fly.calls.some(({ argv }) => isChange(argv));

/**
 * Answers questions as a person would; remembers them. An answer that is not accepted fails the
 * test.
 */
function createPerson(
  answers: Record<string, string>,
): Asking & { asked: string[]; hidden: string[] } {
  const asked: string[] = [];
  const hidden: string[] = [];
  const answer = (
    question: string,
    judge?: (value: string) => string | undefined,
    preset = '',
  ): string => {
    asked.push(question);
    const value = Object.entries(answers).find(([part]) => question.includes(part))?.[1] ?? preset;
    const problem = judge?.(value);
    if (problem) throw new Error(`“${question}”: ${problem}`);
    return value;
  };
  return {
    asked,
    hidden,
    text: async (question, { judge, preset }) => answer(question, judge, preset),
    secret: async (question, judge) => (hidden.push(question), answer(question, judge)),
    async choose(question, choices) {
      const wanted = answer(question);
      const found = choices.find(({ label }) => label.includes(wanted)) ?? choices[0];
      if (!found) throw new Error(`nothing to choose for “${question}”`);
      return found.value;
    },
    confirm: async (question) => answer(question) === 'yes',
  };
}

test('without a terminal, everything that is missing or malformed is named at once, and nothing is done', async () => {
  await withDeploy({}, async (bench) => {
    const { error } = await bench.deploy([], {
      environment: { TWILIO_ACCOUNT_SID: 'secret-nonsense', TWILIO_API_URL: bench.twin.url },
    });
    expect(error).toBeInstanceOf(SetupError);
    for (const name of [
      'TWILIO_ACCOUNT_SID: must be AC',
      'TWILIO_AUTH_TOKEN: is missing',
      'TWILIO_WHATSAPP_NUMBER: is missing',
      'ALLOWED_SENDERS: is missing',
      'ANTHROPIC_API_KEY: is missing (or CLAUDE_CODE_OAUTH_TOKEN)',
    ])
      expect(error?.message).toContain(name);
    expect(error?.message).not.toMatch(/GITHUB_TOKEN|secret-nonsense/);
    expect(changed(bench)).toBe(false);
  });
});

test('at a terminal, what is missing is asked for, secrets without showing them; a second run asks for nothing that Fly has', async () => {
  await withDeploy({}, async (bench) => {
    const {
      TWILIO_API_URL,
      ANTHROPIC_BASE_URL,
      TWILIO_ACCOUNT_SID,
      TWILIO_AUTH_TOKEN,
      TWILIO_WHATSAPP_NUMBER,
    } = bench.owner;
    const rest = {
      TWILIO_API_URL: TWILIO_API_URL ?? '',
      ANTHROPIC_BASE_URL: ANTHROPIC_BASE_URL ?? '',
    };
    const twilio = {
      'account SID (': TWILIO_ACCOUNT_SID ?? '',
      'auth token': TWILIO_AUTH_TOKEN ?? '',
      'WhatsApp number': TWILIO_WHATSAPP_NUMBER ?? '',
    };
    const person = createPerson({
      ...twilio,
      'Your own phone': '+15551230001',
      'What does Claude run on': 'subscription',
      'Claude subscription (': 'sk-ant-oat01-of-the-subscription',
      GitHub: '',
      'Where shall it run': 'fra',
    });
    expect((await bench.deploy([], { environment: rest, asking: person })).error).toBeUndefined();
    expect(person.hidden.map((question) => question.slice(0, 12))).toEqual([
      'Twilio’s aut',
      'A token of y',
      'A GitHub tok',
    ]);
    const vm = bench.fly.apps[`${prefix}-vm`];
    expect(vm?.secrets['CLAUDE_CODE_OAUTH_TOKEN']?.value).toBe('sk-ant-oat01-of-the-subscription');
    expect(Object.keys(vm?.secrets ?? {})).not.toContain('ANTHROPIC_API_KEY');
    expect(vm?.machine?.region).toBe('fra');

    const later = createPerson(twilio);
    expect((await bench.deploy([], { environment: rest, asking: later })).error).toBeUndefined();
    expect(later.asked).toHaveLength(3);
  });
});

test('credentials that are not accepted stop it before anything is made', async () => {
  await withDeploy({}, async (bench) => {
    const wrong = await bench.deploy([], {
      environment: { ...bench.owner, TWILIO_AUTH_TOKEN: 'wrong', ANTHROPIC_API_KEY: 'wrong' },
    });
    expect(wrong.error?.message).toContain('TWILIO_AUTH_TOKEN: Twilio does not accept it');
    expect(wrong.error?.message).toContain('ANTHROPIC_API_KEY: it is not accepted (401)');
    const other = await bench.deploy([], {
      environment: { ...bench.owner, TWILIO_WHATSAPP_NUMBER: '+15550199999' },
    });
    expect(other.error?.message).toContain('no WhatsApp sender with that number');
    expect(changed(bench)).toBe(false);
  });
});

test('what cannot be told about a key now is said and no reason to stop', async () => {
  await withDeploy({}, async (bench) => {
    const { output, error } = await bench.deploy([], {
      environment: { ...bench.owner, ANTHROPIC_BASE_URL: `${bench.outside.url}/nothing-here` },
    });
    expect(error).toBeUndefined();
    expect(output).toContain('The key for Claude was not checked');
  });
});

test('the sandbox’s webhook is left to the person, with the address to paste', async () => {
  await withDeploy({ number: '+14155238886' }, async (bench) => {
    const { output, error } = await bench.deploy();
    expect(error).toBeUndefined();
    expect(output).toContain(
      `When a message comes in (POST): ${bench.outside.url}/webhook#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt`,
    );
    expect(output).not.toContain('Twilio calls the relay');
  });
});

test('Redis at Upstash is made once, with every question of fly answered, and its address goes to both', async () => {
  await withDeploy({}, async (bench) => {
    bench.fly.trouble = { on: `secrets import --app ${prefix}-vm`, when: 'before', times: 1 };
    expect((await bench.deploy(['--redis', 'upstash'])).error?.name).toBe('StepFailed');
    const { error, output } = await bench.deploy(['--redis', 'upstash']);
    expect(error).toBeUndefined();
    const { redis } = agreements(bench.fly);
    expect(redis.slice(1)).toEqual(Array(2).fill(bench.fly.databases[`${prefix}-redis`]));
    expect(Object.keys(bench.fly.apps)).toEqual([`${prefix}-relay`, `${prefix}-vm`]);
    expect(
      bench.fly.calls.filter(({ argv }) => argv.join(' ').startsWith('redis create')),
    ).toHaveLength(1);
    expect(output).not.toContain('upstash-password');
    // Without the option a later run keeps it.
    const later = await bench.deploy();
    expect(later.output).toContain('Everything was there already.');
  });
});

test('a Redis of the owner’s goes to both', async () => {
  await withDeploy({}, async (bench) => {
    expect(
      (await bench.deploy(['--redis', 'rediss://default:secret@redis.example.com:6380'])).error,
    ).toBeUndefined();
    expect(agreements(bench.fly).redis.slice(1)).toEqual(
      Array(2).fill('rediss://default:secret@redis.example.com:6380'),
    );
    expect(Object.keys(bench.fly.apps)).not.toContain(`${prefix}-redis`);
  });
});

test('a hello is sent when it is wanted, and one that WhatsApp does not let through is explained', async () => {
  await withDeploy({}, async (bench) => {
    const refused = await bench.deploy(['--hello', '+15551230001'], { patienceMs: 10_000 });
    expect(refused.error?.message).toContain('within 24 hours of your last message');
    await bench.twin.chat.receive('+15551230001', { text: 'hi' });
    expect(
      (await bench.deploy(['--hello', '+15551230001'], { patienceMs: 10_000 })).error,
    ).toBeUndefined();
    expect(bench.twin.messages().map(({ body }) => body)).toContainEqual(
      expect.stringContaining('Hello! Your Sidepocket is up.'),
    );
  });
});

test.each([
  [
    'signed out',
    (bench: DeployBench) => void (bench.fly.signedIn = false),
    [],
    'Run “fly auth login”',
  ],
  [
    'a name that somebody else has',
    (bench: DeployBench) => void bench.fly.taken.push(`${prefix}-relay`),
    [],
    'Choose another with --prefix NAME',
  ],
  [
    'several organizations',
    (bench: DeployBench) => void bench.fly.organizations.push('work'),
    [],
    'personal, work. Name one with --org',
  ],
  [
    'a name that Fly refuses',
    () => undefined,
    ['--prefix', 'No_Good'],
    'cannot begin a name on Fly',
  ],
  [
    'a secret that there is not',
    () => undefined,
    ['--renew', 'NONSENSE'],
    '--renew knows no NONSENSE',
  ],
] as [string, (bench: DeployBench) => void, string[], string][])(
  '%s is explained',
  async (_what, prepare, args, words) => {
    await withDeploy({}, async (bench) => {
      prepare(bench);
      expect((await bench.deploy(args)).error?.message).toContain(words);
    });
  },
);

test('a relay with a domain of its own is not pointed elsewhere by a run that forgets to name it', async () => {
  await withDeploy({}, async (bench) => {
    await bench.deploy();
    bench.fly.apps[`${prefix}-relay`]?.domains.push('pocket.example.com');
    const { error } = await bench.deploy([], { ownUrl: true });
    expect(error).toBeInstanceOf(SetupError);
    expect(error?.message).toContain(
      `--url https://pocket.example.com or --url https://${prefix}-relay.fly.dev`,
    );
  });
});
