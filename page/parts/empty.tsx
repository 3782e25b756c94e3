/** The text of an empty view: why it is empty, and what would be there. */
import type { ComponentChildren } from 'preact';

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <b>{title}</b>
      {children === undefined ? null : <div>{children}</div>}
    </div>
  );
}
