/** `mabeam/alerts`: tells somebody else of a system's alerts. Needs no further package. */
export {
  type AlertHook,
  type AlertHookOptions,
  type AlertHookStatus,
  type AlertNotice,
  createAlertHook,
  type NoticeBatch,
  type SendNotices,
} from './alerting/alert-hook.ts';
