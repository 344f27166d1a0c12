import type { PhoneInput } from '../chat.ts';
import type { SenderNames } from './addresses.ts';
import type { MessageRecord } from './message-record.ts';

/**
 * The parameters of an inbound message webhook, as documented and captured:
 * https://www.twilio.com/docs/messaging/guides/webhook-request A list choice has ListId and
 * ListTitle beside Body; no capture of one is published, so its further parameters follow those of
 * a button tap. A person whose user name hides the number has no WaId.
 * @param sender the sender as the webhook names it. `choice` is the tap or choice the message
 * stands for, `quotedFrom` the address that sent the quoted message, `site` the twin's own address,
 * where MediaUrl points.
 */
export function formatInbound(
  record: MessageRecord,
  sender: SenderNames,
  {
    choice,
    quotedFrom,
    site,
  }: { choice: PhoneInput['choice']; quotedFrom: string | undefined; site: string },
): Record<string, string> {
  const profile = {
    ProfileName: `Phone ${record.phone.slice(-4)}`,
    ...(sender.waId === undefined ? {} : { WaId: sender.waId }),
  };
  const tapped = choice === undefined ? {} : formatChoice(choice);
  const forwarded = { Forwarded: 'false', FrequentlyForwarded: 'false' };
  const context =
    choice?.kind === 'button' ? { ButtonText: choice.title, ...forwarded, ...profile } : profile;
  return {
    SmsMessageSid: record.sid,
    SmsSid: record.sid,
    MessageSid: record.sid,
    AccountSid: record.accountSid,
    From: record.from,
    To: record.to,
    Body: record.body,
    NumMedia: String(record.numMedia),
    NumSegments: '1',
    ReferralNumMedia: '0',
    SmsStatus: 'received',
    ApiVersion: '2010-04-01',
    ...profile,
    ExternalUserId: `whatsapp:${sender.userId}`,
    MessageType: messageType(record, choice),
    ChannelMetadata: JSON.stringify({ type: 'whatsapp', data: { context } }),
    ...formatMedia(record, site),
    ...formatLocation(record),
    ...(choice === undefined && quotedFrom === undefined ? {} : forwarded),
    ...tapped,
    ...(record.quoted === undefined || quotedFrom === undefined
      ? {}
      : { OriginalRepliedMessageSid: record.quoted, OriginalRepliedMessageSender: quotedFrom }),
  };
}

function formatChoice({
  id,
  title,
  kind,
}: NonNullable<PhoneInput['choice']>): Record<string, string> {
  return kind === 'button'
    ? { ButtonText: title, ButtonPayload: id }
    : { ListId: id, ListTitle: title };
}

function formatMedia(record: MessageRecord, site: string): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [index, media] of record.media.entries()) {
    params[`MediaContentType${index}`] = media.type;
    params[`MediaUrl${index}`] =
      `${site}/2010-04-01/Accounts/${record.accountSid}/Messages/${record.sid}/Media/${media.sid}`;
  }
  return params;
}

function formatLocation({ location }: MessageRecord): Record<string, string> {
  if (!location) return {};
  const { latitude, longitude, label, address } = location;
  return {
    Latitude: String(latitude),
    Longitude: String(longitude),
    ...(address === undefined ? {} : { Address: address }),
    ...(label === undefined ? {} : { Label: label }),
  };
}

function messageType(record: MessageRecord, choice: PhoneInput['choice']): string {
  if (choice !== undefined) return 'interactive';
  if (record.location) return 'location';
  const type = record.media[0]?.type;
  if (type === undefined) return 'text';
  if (type === 'image/webp') return 'sticker';
  if (/^text\/(x-)?vcard$/.test(type)) return 'contacts';
  return /^(image|audio|video)\//.exec(type)?.[1] ?? 'document';
}
