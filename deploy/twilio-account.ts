import { z } from 'zod';

/** A WhatsApp sender in Twilio's Senders API; an unset address is empty. */
export type WhatsappSender = {
  sid: string;
  status: string;
  webhook: string;
  status_callback: string;
};

/** The Twilio calls of setup and doctor. Every method throws TwilioRefused when Twilio refuses. */
export type TwilioAccount = {
  /**
   * The account's state (`active`, `suspended`, `closed`), and how many milliseconds this machine's
   * clock is ahead of Twilio's.
   */
  look(): Promise<{ state: string; aheadMs: number }>;
  /** The sender with this number (E.164); undefined when the account has none. */
  findSender(number: string): Promise<WhatsappSender | undefined>;
  /** Sets the sender's webhook and status callback addresses; null clears both. */
  point(
    sender: WhatsappSender,
    addresses: { webhook: string; status: string } | null,
  ): Promise<void>;
  /** The delivery state of a message, with Twilio's error code if it failed. */
  messageState(sid: string): Promise<{ state: string; code: number | null }>;
};

/**
 * Twilio refused or could not be reached; holds no request and so no credentials. `status` is 0
 * without an answer.
 */
export class TwilioRefused extends Error {
  override name = 'TwilioRefused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const patience = 15_000;
const Account = z.looseObject({ status: z.string() });
const address = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const Sender = z.looseObject({
  sid: z.string(),
  status: z
    .string()
    .nullish()
    .transform((value) => value ?? ''),
  sender_id: z.string(),
  webhook: z.looseObject({ callback_url: address, status_callback_url: address }).nullish(),
});
const Page = z.looseObject({
  senders: z.array(Sender),
  meta: z.looseObject({ next_page_url: z.string().nullish() }),
});
const Message = z.looseObject({ status: z.string(), error_code: z.number().nullish() });
const Refusal = z.looseObject({ message: z.string().optional(), code: z.number().optional() });

/**
 * Calls Twilio's REST API directly instead of using the SDK: the SDK sends the names of a sender's
 * fields in camel case, as its types have them, and Twilio ignores them.
 * @param apiUrl one base address that replaces Twilio's hosts.
 */
export function createTwilioAccount({
  accountSid,
  authToken,
  apiUrl,
}: {
  accountSid: string;
  authToken: string;
  apiUrl?: string | undefined;
}): TwilioAccount {
  const api = apiUrl ?? 'https://api.twilio.com';
  const senders = `${apiUrl ?? 'https://messaging.twilio.com'}/v2/Channels/Senders`;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  const account = `${api}/2010-04-01/Accounts/${accountSid}`;

  const ask = async <Schema extends z.ZodType>(
    schema: Schema,
    url: string,
    body?: object,
  ): Promise<{ data: z.output<Schema>; date: string | null }> => {
    const response = await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: {
        authorization,
        accept: 'application/json',
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(patience),
    }).catch((error: unknown) => {
      throw new TwilioRefused(
        0,
        `Twilio was not reached at ${new URL(url).host}: ${reasonOf(error)}`,
      );
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) {
      const refusal = Refusal.safeParse(answer).data;
      throw new TwilioRefused(
        response.status,
        `Twilio answered ${response.status}${refusal?.code ? ` (${refusal.code})` : ''}: ${refusal?.message ?? 'no reason given'}`,
      );
    }
    const parsed = schema.safeParse(answer);
    if (!parsed.success)
      throw new TwilioRefused(
        response.status,
        `Twilio's answer from ${new URL(url).pathname} is not understood.`,
      );
    return { data: parsed.data, date: response.headers.get('date') };
  };

  return {
    async look() {
      const { data, date } = await ask(Account, `${account}.json`);
      return { state: data.status, aheadMs: date ? Date.now() - Date.parse(date) : 0 };
    },

    async findSender(number) {
      let next: string | null = `${senders}?Channel=whatsapp&PageSize=50`;
      while (next) {
        const { data }: { data: z.output<typeof Page> } = await ask(Page, next);
        const found = data.senders.find((sender) => sender.sender_id === `whatsapp:${number}`);
        if (found)
          return {
            sid: found.sid,
            status: found.status,
            webhook: found.webhook?.callback_url ?? '',
            status_callback: found.webhook?.status_callback_url ?? '',
          };
        const following: string | null = data.meta.next_page_url ?? null;
        // The credentials go to their own host only.
        next =
          following && new URL(following).origin === new URL(senders).origin ? following : null;
      }
      return undefined;
    },

    async point(sender, addresses) {
      const webhook = {
        callback_url: addresses?.webhook ?? null,
        callback_method: 'POST',
        status_callback_url: addresses?.status ?? null,
        status_callback_method: 'POST',
      };
      await ask(z.unknown(), `${senders}/${sender.sid}`, { webhook });
    },

    async messageState(sid) {
      const { data } = await ask(Message, `${account}/Messages/${sid}.json`);
      return { state: data.status, code: data.error_code ?? null };
    },
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
