import { expect, test } from 'vitest';
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
  const error = await tearDown(options, parts).then(
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

test('without Twilio’s credentials nothing is destroyed', async () => {
  await withDeploy({}, async (bench) => {
    await bench.deploy();
    expect((await takeDown(bench, ['--yes'], {})).error?.message).toContain('TWILIO_ACCOUNT_SID');
    expect(Object.keys(bench.fly.apps)).toHaveLength(3);
  });
});
