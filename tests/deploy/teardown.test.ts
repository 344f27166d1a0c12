import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { takeComputerAway } from '../../deploy/teardown/computer.ts';
import { parseTeardownOptions } from '../../deploy/teardown/options.ts';
import { tearDown } from '../../deploy/teardown/teardown.ts';
import { prefix, withDeploy } from '../support/deploy-bench.ts';
import type { DeployBench } from '../support/deploy-bench.ts';

async function takeDown(
  bench: DeployBench,
  args: string[],
  environment = bench.owner,
): Promise<{ output: string; error: Error | undefined }> {
  let output = '';
  const options = parseTeardownOptions(['--url', bench.outside.url, ...args]);
  if (options === 'help') throw new Error('the test asks for help');
  const say = (line: string): void => void (output += `${line}\n`);
  const parts = { fly: bench.account, environment, asking: undefined, say };
  const { computer } = options;
  const taking =
    computer === undefined ? tearDown(options, parts) : takeComputerAway(computer, options, parts);
  const error = await taking.then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return { output, error };
}

const webhookOf = async ({
  twin,
  owner,
}: DeployBench): Promise<{ callback_url: string; status_callback_url: string } | undefined> => {
  const authorization = `Basic ${Buffer.from(`${owner['TWILIO_ACCOUNT_SID']}:${owner['TWILIO_AUTH_TOKEN']}`).toString('base64')}`;
  const { senders } = (await (
    await fetch(`${twin.url}/v2/Channels/Senders?Channel=whatsapp`, { headers: { authorization } })
  ).json()) as { senders: { webhook: { callback_url: string; status_callback_url: string } }[] };
  return senders[0]?.webhook;
};

test('it says what is lost, wants to be told twice, and then Twilio calls nobody and nothing is left', async () => {
  await withDeploy({}, async (bench) => {
    await bench.deploy();
    const unsure = await takeDown(bench, []);
    expect(unsure.error?.message).toContain('Say --yes');
    expect(unsure.output).toContain('everything that is not pushed');
    const plan = await takeDown(bench, ['--dry-run']);
    expect(plan.output).toContain(`fly apps destroy ${prefix}-vm --yes`);
    expect(Object.keys(bench.fly.apps)).toHaveLength(3);
    expect((await webhookOf(bench))?.callback_url).toContain(bench.outside.url);

    expect((await takeDown(bench, ['--yes'])).error).toBeUndefined();
    expect(bench.fly.apps).toEqual({});
    expect(await webhookOf(bench)).toMatchObject({ callback_url: '', status_callback_url: '' });
    await bench.twin.chat.receive('+15551230001', { text: 'anybody there?' });
    expect(bench.twin.memory.webhooks).toEqual([]);
    expect((await takeDown(bench, ['--yes'])).error?.message).toContain(
      'There is no Sidepocket in this account',
    );
  });
});

test('one that fails at every step in turn is completed by running it again', async () => {
  await withDeploy({}, async (bench) => {
    await bench.deploy();
    for (const [on, when] of [
      ['vm --yes', 'before'],
      ['relay --yes', 'after'],
      ['redis --yes', 'before'],
    ] as const) {
      bench.fly.trouble = { on: `apps destroy ${prefix}-${on}`, when, times: 1 };
      expect(
        (await takeDown(bench, ['--yes', '--prefix', prefix])).error?.name,
        `failing at ${on}`,
      ).toBe('StepFailed');
    }
    expect((await takeDown(bench, ['--yes', '--prefix', prefix])).error).toBeUndefined();
    expect(bench.fly.apps).toEqual({});
  });
});

test('a webhook that leads elsewhere, and other apps, are left alone; a database at Upstash goes, too', async () => {
  await withDeploy({}, async (bench) => {
    bench.fly.apps['my-blog'] = {
      organization: 'personal',
      network: '',
      volumes: [],
      addresses: [],
      secrets: {},
      machine: null,
      domains: [],
    };
    await bench.deploy(['--redis', 'upstash']);
    bench.fly.databases['another'] = 'redis://x';
    const twilio = bench.owner;
    const { senders } = (await (
      await fetch(`${bench.twin.url}/v2/Channels/Senders?Channel=whatsapp`, {
        headers: {
          authorization: `Basic ${btoa(`${twilio['TWILIO_ACCOUNT_SID']}:${twilio['TWILIO_AUTH_TOKEN']}`)}`,
        },
      })
    ).json()) as { senders: { sid: string }[] };
    await fetch(`${bench.twin.url}/v2/Channels/Senders/${senders[0]?.sid}`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`${twilio['TWILIO_ACCOUNT_SID']}:${twilio['TWILIO_AUTH_TOKEN']}`)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ webhook: { callback_url: 'https://elsewhere.example.com/hook' } }),
    });
    expect((await takeDown(bench, ['--yes'])).error).toBeUndefined();
    expect(Object.keys(bench.fly.apps)).toEqual(['my-blog']);
    expect(Object.keys(bench.fly.databases)).toEqual(['another']);
    expect((await webhookOf(bench))?.callback_url).toBe('https://elsewhere.example.com/hook');
  });
});

test('one computer goes once its people have moved; while they cannot, or by mistake, nothing is destroyed', async () => {
  await withDeploy({}, async (bench) => {
    const [east, west] = ['east', 'west'].map((home) => `${prefix}-vm-${home}`);
    for (const app of [east, west]) bench.fly.flycast[`http://${app}.flycast`] = bench.outside.url;
    await bench.deploy(['--vm', 'east', '--vm', 'west']);
    // What the people command of the relay's image does here.
    const drain = path.join(bench.sources, 'relay', 'people', 'main.ts');
    await mkdir(path.dirname(drain), { recursive: true });
    const ends = async (program: string): Promise<void> => await writeFile(drain, program);
    const args = ['--vm', 'east', '--prefix', prefix];
    await ends(
      `console.log('2 people cannot move: every other computer is full.'); process.exit(1)`,
    );
    const refused = await takeDown(bench, [...args, '--yes']);
    expect(refused.error?.message).toMatch(
      /“east” holds no one’s files[^]*2 people cannot move[^]*Nothing was destroyed[^]*--force/,
    );
    expect((await takeDown(bench, args)).error?.message).toContain('Say --yes');
    const planned = await takeDown(bench, [...args, '--dry-run']);
    expect(planned.output).toContain('node relay/people/main.ts drain east');
    for (const [wrong, sentence] of [
      ['north', 'there are: east, west'],
      ['vm', 'The first one goes with the whole system'],
    ] as const)
      expect((await takeDown(bench, ['--vm', wrong, '--yes'])).error?.message).toContain(sentence);
    expect(Object.keys(bench.fly.apps)).toHaveLength(5);
    expect(() => parseTeardownOptions(['--force'])).toThrow('--force goes with --vm');

    await ends(`process.exit(process.argv[2] === 'drain' && process.argv[3] === 'east' ? 0 : 1)`);
    bench.fly.trouble = { on: `apps destroy ${east}`, when: 'before', times: 1 };
    expect((await takeDown(bench, [...args, '--yes'])).error?.name).toBe('StepFailed');
    expect((await takeDown(bench, [...args, '--yes'])).error).toBeUndefined();
    expect(Object.keys(bench.fly.apps)).not.toContain(east);
    await ends('process.exit(1)');
    const forced = await takeDown(bench, ['--vm', 'west', '--force', '--yes']);
    expect(forced.error).toBeUndefined();
    expect(forced.output).toContain('lost for good, except for what a snapshot holds');
    expect(Object.keys(bench.fly.apps)).toHaveLength(3);
    await bench.deploy(['--vm', 'east']);
    expect((await takeDown(bench, ['--yes'])).error).toBeUndefined();
    expect(bench.fly.apps).toEqual({});
  });
});

test('without Twilio’s credentials nothing is destroyed', async () => {
  await withDeploy({}, async (bench) => {
    await bench.deploy();
    expect((await takeDown(bench, ['--yes'], {})).error?.message).toContain('TWILIO_ACCOUNT_SID');
    expect(Object.keys(bench.fly.apps)).toHaveLength(3);
  });
});
