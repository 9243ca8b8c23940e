import type { Change, Weakening } from '@berth/contract';

/** More than anyone reads in a list. */
const MOST_LINES = 50;

/** What a change weakens. */
export const Weakened = ({ change: { weakened = [] } }: { readonly change: Change }) => {
  if (weakened.length === 0) return null;
  return (
    <fieldset className="weakened" aria-label="What the change weakens">
      <p>
        <strong>It weakens its gate</strong>
      </p>
      <ul>
        {weakened.slice(0, MOST_LINES).map((one) => (
          <li key={`${one.kind}/${one.repository}/${one.subject}`} className="told">
            {one.kind.replaceAll('_', ' ')}: <code>{one.subject}</code>
            <span className="soft">{detailOf(one)}</span>
          </li>
        ))}
        {weakened.length > MOST_LINES && <li>and {weakened.length - MOST_LINES} more: see the diff</li>}
      </ul>
    </fieldset>
  );
};

/** Nothing when the kind says it all. */
const detailOf = ({ kind, detail }: Weakening): string => (kind.endsWith(detail) ? '' : ` ${detail}`);
