import { agoText, countingText, useNow } from './duration.ts';

/** Relative time, with the exact time in a tooltip. */
export const Ago = ({ at }: { readonly at: number }) => {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString()}>
      {agoText(now - at)}
    </time>
  );
};

/** Counts up since a time. */
export const Counting = ({ since }: { readonly since: number }) => {
  const now = useNow();
  return <span className="counting">{countingText(now - since)}</span>;
};
