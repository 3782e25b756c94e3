/** A JSON value, folded where it is large. */
import { inline } from '../words.ts';

export function Json({
  value,
  name,
  depth = 0,
}: {
  readonly value: unknown;
  readonly name?: string;
  readonly depth?: number;
}) {
  if (typeof value !== 'object' || value === null) {
    return (
      <div class={depth === 0 ? 'json' : 'leaf'}>
        <Key name={name} />
        <Leaf value={value} />
      </div>
    );
  }
  const entries = Object.entries(value);
  const size = Array.isArray(value) ? `[${entries.length}]` : entries.length === 0 ? '{}' : '';
  if (entries.length === 0) {
    return (
      <div class={depth === 0 ? 'json leaf' : 'leaf'}>
        <Key name={name} />
        <span class="x">{size || '[]'}</span>
      </div>
    );
  }
  const inner = entries.map(([key, one]) => <Json key={key} name={key} value={one} depth={depth + 1} />);
  if (name === undefined) return <div class="json">{inner}</div>;
  return (
    <details open={depth < 2 && entries.length <= 12}>
      <summary>
        <span class="k">{name}</span> <span class="x">{size || inline(value).slice(0, 60)}</span>
      </summary>
      <div>{inner}</div>
    </details>
  );
}

function Key({ name }: { readonly name: string | undefined }) {
  return name === undefined ? null : <span class="k">{name}: </span>;
}

function Leaf({ value }: { readonly value: unknown }) {
  if (value === '[redacted]') return <span class="x">redacted</span>;
  if (typeof value === 'string') return <span class="s">{value}</span>;
  return <span class={typeof value === 'number' ? 'n' : 'x'}>{String(value)}</span>;
}
