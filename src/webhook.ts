/** `mabeam/webhook`: sends alerts as signed HTTP requests. Needs the package `p-retry`. */
export { webhook, type WebhookOptions } from './alerting/webhook.ts';
