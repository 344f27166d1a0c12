import { Redis } from 'ioredis';
import type { Log } from '../../shared/runtime/log.ts';
import { createShutdown } from '../../shared/runtime/lifecycle.ts';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { SystemState } from '../chat.ts';
import { runScriptedModel } from '../model/scripted-model.ts';
import { runPhone } from '../phone/phone.ts';
import { readTurnState } from '../turn-state.ts';
import { runTwin } from '../twilio/twin.ts';

export type ExternalServicesOptions = {
  /** The Twilio account and the number in the product's configuration. */
  account: { accountSid: string; authToken: string; number: string };
  phones: string[];
  /** The relay, where the product accepts messages. */
  relayUrl: string;
  redisUrl: string;
  /** The name by which the product's processes reach this one. */
  host: string;
  /**
   * Listens on all of this machine's addresses, since the processes are in different networks; else
   * on the address of the name.
   */
  everywhere?: boolean;
  ports: { twilio: number; model: number; phone: number };
  /** The address that the phone page is served on. */
  phoneHost: string;
  log: Log;
};

export type ExternalServices = Running & { twilioUrl: string; modelUrl: string; phoneUrl: string };

/**
 * Runs the external services that the product needs, for a product that runs elsewhere, such as in
 * containers: a Twilio, a model and the phone page.
 */
export async function runExternalServices({
  account,
  phones,
  relayUrl,
  redisUrl,
  host,
  everywhere = false,
  ports,
  phoneHost,
  log,
}: ExternalServicesOptions): Promise<ExternalServices> {
  const shutdown = createShutdown(log);
  try {
    const model = await runScriptedModel({ host, everywhere, port: ports.model });
    shutdown.add('model', () => model.stop());
    const twin = await runTwin({
      ...account,
      phones,
      host,
      everywhere,
      port: ports.twilio,
      webhookUrl: `${relayUrl}/webhook#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt`,
    });
    shutdown.add('Twilio', () => twin.stop());
    const redis = new Redis(redisUrl);
    redis.on('error', (error: Error) => log.debug({ err: error }, 'Redis'));
    shutdown.add('Redis connection', () => redis.disconnect());
    const system = (): SystemState => ({
      number: account.number,
      phones,
      vm: 'unknown',
      model: 'scripted',
      dashboardUrl: undefined,
    });
    const phone = await runPhone({
      port: ports.phone,
      host: phoneHost,
      chat: twin.chat,
      system,
      turnState: (sid) => readTurnState(redis, sid),
    });
    shutdown.add('phone', () => phone.stop());
    return {
      twilioUrl: twin.url,
      modelUrl: model.url,
      phoneUrl: phone.url,
      stop: () => shutdown.run(),
    };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}
