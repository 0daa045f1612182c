// Scalars in thousandths: all arithmetic on resources is done in whole numbers, so that 0.1 + 0.2 is 0.3.

/** A double as thousandths, half away from zero. */
export function toThousandths(value: number): number {
  return value < 0 ? -Math.round(-value * 1000) : Math.round(value * 1000)
}

/** Thousandths as a double, put together as Mesos does, so that both yield the same bits. */
export function fromThousandths(thousandths: number): number {
  const whole = Math.trunc(thousandths / 1000)
  return whole + (thousandths - whole * 1000) / 1000
}
