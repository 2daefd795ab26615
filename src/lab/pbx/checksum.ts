/** FNV-1a, 32 bits: enough to find an entry that is missing, changed or from another exchange. */
const prime = 0x0100_0193;
const basis = 0x811c_9dc5;

/** The checksum of `text` (its UTF-16 units, low byte first) after `before`; 0 to begin. An unsigned 32-bit number. */
export function checksum(before: number, text: string): number {
  let sum = (basis ^ before) >>> 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    sum = Math.imul(sum ^ (unit & 0xff), prime);
    sum = Math.imul(sum ^ (unit >>> 8), prime);
  }
  return sum >>> 0;
}
