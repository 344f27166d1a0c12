import { maxAnswerBytes, type PostOutcome } from './form-post.ts';

/**
 * Twilio's interpretation of a webhook's answer: texts for the person (often none), or an error for
 * the debugger.
 */
export type WebhookAnswer =
  { replies: string[]; error: undefined } | { replies: []; error: number };

const twimlTypes = new Set(['text/xml', 'application/xml', 'text/html']);

/**
 * Reads the answer to an inbound message webhook by Twilio's rules
 * (https://www.twilio.com/docs/messaging/twiml): XML and HTML types are TwiML, `text/plain` goes to
 * the person as a message, other types are error 12300. Error 11205 means no connection, 11200 no
 * usable answer, 11750 too long, 11770 empty, 12100 not XML, 12102 a wrong root.
 */
export function readWebhookAnswer(outcome: PostOutcome): WebhookAnswer {
  const { status, type, chunked, body, failure } = outcome;
  const wrong = (error: number): WebhookAnswer => ({ replies: [], error });
  if (failure !== undefined) return wrong(failure === 'ct' ? 11_205 : 11_200);
  if (status < 200 || status > 299) return wrong(11_200);
  if (Buffer.byteLength(body) > maxAnswerBytes) return wrong(11_750);
  if (status === 204) return { replies: [], error: undefined };
  if (body === '' && chunked) return wrong(11_770);
  if (body === '' && type !== '' && !twimlTypes.has(type)) return wrong(11_200);
  if (body === '') return { replies: [], error: undefined };
  if (type === 'text/plain') return { replies: [body], error: undefined };
  return twimlTypes.has(type) ? readTwiml(body) : wrong(12_300);
}

function readTwiml(xml: string): WebhookAnswer {
  const text = xml.replace(/<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!DOCTYPE[^>]*>/gi, '').trim();
  const root = isBalanced(text) ? /^<([\w:-]+)/.exec(text)?.[1] : undefined;
  if (root === undefined) return { replies: [], error: 12_100 };
  if (root !== 'Response') return { replies: [], error: 12_102 };
  const replies = [...text.matchAll(/<Message\b[^>]*(?<!\/)>([\s\S]*?)<\/Message>/g)].map(
    ([, inner = '']) => {
      const body = /<Body\b[^>]*>([\s\S]*?)<\/Body>/.exec(inner)?.[1] ?? inner;
      return unescapeXml(body.replace(/<[^>]*>/g, '')).trim();
    },
  );
  return { replies: replies.filter((reply) => reply !== ''), error: undefined };
}

/** One root element, every tag closed in order, and no text outside of it. */
function isBalanced(xml: string): boolean {
  const open: string[] = [];
  let roots = 0;
  for (const [, text = '', closing, name = '', selfClosing] of xml.matchAll(
    /([^<]*)<(\/?)([\w:.-]+)[^<>]*?(\/?)>/g,
  )) {
    if (open.length === 0 && text.trim() !== '') return false;
    if (closing === '/') {
      if (open.pop() !== name) return false;
      continue;
    }
    if (open.length === 0) roots += 1;
    if (selfClosing !== '/') open.push(name);
  }
  return roots === 1 && open.length === 0 && xml.endsWith('>');
}

function unescapeXml(text: string): string {
  const names: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => names[name] ?? '');
}
