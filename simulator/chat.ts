/**
 * What the simulated phone shows: the language between the Twilio twin, the phone page and `npm run
 * send`. Directions are Twilio's: `inbound` goes from the person's phone to the product, `outbound`
 * comes back.
 */

/** A picture or file of a message; `url` opens in a browser, `size` is in bytes. */
export type ChatMedia = { url: string; type: string; name: string; size: number };

/** A choice under a message: a tap answers with its id and title. */
export type ChatChoice = { id: string; title: string; description?: string };

/** Twilio's message states that a phone can show as ticks. */
export type ChatStatus =
  'received' | 'queued' | 'sent' | 'delivered' | 'read' | 'failed' | 'undelivered';

export type ChatMessage = {
  sid: string;
  /** The person's number (E.164), or user id when the phone has no number. */
  phone: string;
  direction: 'inbound' | 'outbound';
  text: string;
  media: ChatMedia[];
  buttons: ChatChoice[];
  list: { button: string; items: ChatChoice[] } | undefined;
  /** Set when the message is a shared place; degrees of WGS 84. */
  location?: { latitude: number; longitude: number; label?: string; address?: string };
  /** The sid of the message this one quotes (swipe to reply). */
  quoted: string | undefined;
  status: ChatStatus;
  errorCode: number | undefined;
  /** ISO 8601. */
  at: string;
};

/** What a person does on the phone. */
export type PhoneInput = {
  text?: string;
  media?: { name: string; type: string; base64: string };
  location?: { latitude: number; longitude: number; label?: string; address?: string };
  quoted?: string;
  /** A tap on a quick-reply button or a list item of the message `quoted`. */
  choice?: { id: string; title: string; kind: 'button' | 'list' };
};

/** Pushed to every open page, as one server-sent event whose data is this JSON. */
export type ChatEvent =
  | { kind: 'message'; message: ChatMessage }
  | {
      kind: 'status';
      sid: string;
      phone: string;
      status: ChatStatus;
      errorCode: number | undefined;
    }
  /** `until` is ISO 8601: Twilio's indicator lasts 25 s or until the next message. */
  | { kind: 'typing'; phone: string; until: string | undefined }
  | { kind: 'system'; system: SystemState };

/** What the page's frame says about the system behind the chat. */
export type SystemState = {
  /** The product's WhatsApp number, E.164. */
  number: string;
  phones: string[];
  /** The phones that may write to the product; undefined where that is not known. */
  allowed?: string[];
  vm: 'asleep' | 'waking' | 'awake' | 'unknown';
  model: 'scripted' | 'real';
  dashboardUrl: string | undefined;
};
