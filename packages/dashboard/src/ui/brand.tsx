/** The build finds the file by this form of address and names it by its content. */
const MARK = new URL('../styles/berth.svg', import.meta.url).href;

export const Brand = () => (
  <span className="brand">
    <img src={MARK} alt="" width="28" height="28" />
    Berth
  </span>
);
