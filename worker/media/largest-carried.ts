/**
 * The size limit for files sent on WhatsApp through Twilio (bytes;
 * twilio.com/docs/whatsapp/guidance-whatsapp-media-messages).
 */
export const largestCarried = 16 * 1024 * 1024;
