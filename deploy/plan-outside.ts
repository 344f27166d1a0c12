import type { Messenger } from '../shared/delivery/messenger.ts';
import { maskAddress } from '../shared/runtime/person-address.ts';
import type { Fly } from './fly.ts';
import { formatCommand } from './fly.ts';
import type { Names } from './names.ts';
import { probeRelay, untilRelayAnswers } from './relay-health.ts';
import type { Step } from './step.ts';
import type { TwilioAccount, WhatsappSender } from './twilio-account.ts';
import { leadsTo, sandboxNumber, webhookAddresses } from './webhook-address.ts';

/** How long to wait for slow operations, and the polling interval (ms). */
export type Patience = { patienceMs: number; everyMs: number };

export type OutsidePlan = {
  fly: Fly;
  names: Names;
  publicUrl: string;
  /** The WhatsApp number at Twilio (E.164); undefined while unknown. */
  number: string | undefined;
  twilio: TwilioAccount | undefined;
  messenger: Messenger | undefined;
  /** Who gets the hello message: a phone number (E.164) or a WhatsApp user id. */
  hello: string | undefined;
  patience: Patience;
};

/** The steps outside Fly once the apps run: they answer, wake, and Twilio calls them. */
export function planOutside(plan: OutsidePlan): Step[] {
  return [
    planRelayAnswers(plan),
    planWake(plan),
    ...(plan.number === sandboxNumber ? [] : [planWebhook(plan)]),
    ...(plan.hello ? [planHello(plan, plan.hello)] : []),
  ];
}

function planRelayAnswers({ publicUrl, names, patience }: OutsidePlan): Step {
  return {
    what: `the relay answers at ${publicUrl} and reaches Redis`,
    takes: [`GET ${publicUrl}/health and ${publicUrl}/ready`],
    isDone: async () => (await probeRelay(publicUrl)).state === 'ok',
    async run() {
      await untilRelayAnswers(publicUrl, patience).catch((error: unknown) => {
        throw new Error(
          `${error instanceof Error ? error.message : String(error)} See: fly logs --app ${names.relay}`,
          { cause: error },
        );
      });
    },
  };
}

/**
 * Runs on the relay's machine, so it takes the same path as a message: the wake address, Fly's
 * proxy, the secret.
 */
const wakeProgram =
  "import('node:process').then(({env})=>fetch(env.WAKE_URL+'/wake',{method:'POST',headers:{authorization:'Bearer '+env.WAKE_SECRET}}))";

function planWake(plan: OutsidePlan): Step {
  const { vm, relay } = plan.names;
  return {
    what: `the relay wakes ${vm}`,
    takes: [
      `POST http://${vm}.flycast/wake, from the relay’s machine (fly ssh console --app ${relay})`,
    ],
    ...runOnRelay(plan, vm, wakeProgram, plan.patience),
  };
}

/** A call to a computer from the relay's machine; `what` is the caller's. It runs each time. */
export function planCallFromRelay(
  plan: Pick<OutsidePlan, 'fly' | 'names'>,
  { app, url }: { app: string; url: string },
  patience: Patience,
): Omit<Step, 'what'> {
  return {
    takes: [`GET ${url}, from the relay’s machine (fly ssh console --app ${plan.names.relay})`],
    ...runOnRelay(plan, app, `fetch('${url}')`, patience),
  };
}

/** Runs a request on the relay's machine until it is answered; `app` is whose log to look at. */
function runOnRelay(
  { fly, names }: Pick<OutsidePlan, 'fly' | 'names'>,
  app: string,
  request: string,
  patience: Patience,
): Pick<Step, 'isDone' | 'run' | 'onlyLooks'> {
  const program = `${request}.then(r=>{console.log(r.status);process.exit(r.ok?0:1)},e=>{console.error(e.cause?e.cause.message:e.message);process.exit(1)})`;
  const words = ['ssh', 'console', '--app', names.relay, '--quiet', '--command'];
  const command = [...words, `node -e "${program}"`];
  return {
    onlyLooks: true,
    isDone: async () => false,
    async run() {
      for (
        const deadline = Date.now() + patience.patienceMs;
        ;
        await new Promise((resolve) => setTimeout(resolve, patience.everyMs))
      ) {
        try {
          await fly.run(command);
          return;
        } catch (error) {
          if (Date.now() > deadline)
            throw new Error(
              `${error instanceof Error ? error.message.replace(formatCommand(command), 'the call') : String(error)}\nSee: fly logs --app ${app}`,
              { cause: error },
            );
        }
      }
    },
  };
}

function planWebhook({ twilio, number, publicUrl, patience }: OutsidePlan): Step {
  const wanted = webhookAddresses(publicUrl);
  const look = async (): Promise<WhatsappSender | undefined> =>
    twilio && number ? await twilio.findSender(number) : undefined;
  const isSet = (sender: WhatsappSender | undefined): boolean =>
    sender?.webhook === wanted.webhook && sender.status_callback === wanted.status;
  return {
    what: 'Twilio calls the relay',
    takes: [
      `the WhatsApp sender’s webhook: ${wanted.webhook}`,
      `its status address:          ${wanted.status}`,
    ],
    isDone: async () => isSet(await look()),
    async run() {
      const sender = await look();
      if (!twilio || !sender)
        throw new Error(
          'This Twilio account has no WhatsApp sender with that number. See https://console.twilio.com/us1/develop/sms/senders/whatsapp-senders',
        );
      await twilio.point(sender, wanted);
      for (
        const deadline = Date.now() + patience.patienceMs;
        ;
        await new Promise((resolve) => setTimeout(resolve, patience.everyMs))
      ) {
        const now = await look();
        if (isSet(now)) return;
        if (Date.now() <= deadline) continue;
        const half = leadsTo(now?.webhook ?? '', publicUrl)
          ? 'It leads to the relay, but without the part after the #.'
          : 'Twilio has not taken it over.';
        throw new Error(
          `${half} Set it by hand in the Twilio console, WhatsApp senders, to\n${wanted.webhook}`,
        );
      }
    },
  };
}

const greeting =
  'Hello! Your Sidepocket is up. Write me what you want done, for example “take a screenshot of https://example.com”.';

function planHello({ messenger, twilio, publicUrl, patience }: OutsidePlan, to: string): Step {
  return {
    what: `a hello is on its way to ${maskAddress(to)}`,
    takes: ['a WhatsApp message to that phone'],
    isDone: async () => false,
    async run() {
      if (!messenger || !twilio) throw new Error('Twilio’s credentials are missing.');
      const { sid } = await messenger.send({
        to,
        text: greeting,
        statusCallback: webhookAddresses(publicUrl).status,
      });
      for (
        const deadline = Date.now() + Math.min(patience.patienceMs, 15_000);
        Date.now() < deadline;
        await new Promise((resolve) => setTimeout(resolve, patience.everyMs))
      ) {
        const { state, code } = await twilio.messageState(sid);
        if (state === 'delivered' || state === 'read') return;
        if (state === 'failed' || state === 'undelivered') throw new Error(explainRefusal(code));
      }
    },
  };
}

function explainRefusal(code: number | null): string {
  if (code === 63_016)
    return 'WhatsApp lets a business number write first only within 24 hours of your last message. Write to it from your phone; it will answer.';
  if (code === 63_015)
    return 'That phone has not joined Twilio’s sandbox: send it the “join …” text from the console first.';
  return `Twilio could not deliver it (${code ?? 'no code given'}). Write to the number from your phone; it will answer.`;
}
