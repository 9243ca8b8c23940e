/** The build finds the file by this form of URL and names it by content hash. */
const MARK = new URL('../styles/berth.svg', import.meta.url).href;

export const Brand = () => (
  <span className="brand">
    <img src={MARK} alt="" width="28" height="28" />
    Berth
  </span>
);
