// What the simulator's checkers prove: for each promise the checks (test/simulator/) that would find it broken.
//
// A promise stands here only if the simulated weather can break it and a check from outside would notice.

export const SIMULATED: Readonly<Record<string, readonly string[]>> = {
  // Marked before its timeout, or for an outage of ours; not told; offered while lost; not back, or back too often.
  F1: ['S15'],
  F6: ['S7'],
  F7: ['F7', 'S1', 'S2'],
  F8: ['L1', 'L2'],
  F10: ['S5', 'F61'],
  F11: ['L3'],
  F12: ['L3'],
  F13: ['S14'],
  F20: ['S15'],
  F21: ['S15'],
  F22: ['S8', 'S14'],
  F23: ['S15'],
  // Tasks that start twice, or run and are on nobody's list.
  F27: ['S3', 'F61'],
  F30: ['S5'],
  F35: ['L1'],
  F36: ['S3'],
  F38: ['F81', 'S9'],
  // Updates out of order, lost, taken twice, or gone before they were acknowledged.
  F39: ['S5'],
  F43: ['S18'],
  F44: ['S5'],
  F45: ['S5', 'S7'],
  F46: ['S4'],
  // Frameworks that die for a time away that was not over, or come back after it.
  F47: ['S17'],
  F48: ['S17'],
  F49: ['S17'],
  F50: ['S17'],
  F51: ['S19'],
  F55: ['S17', 'F61'],
  F58: ['L4'],
  F59: ['L4'],
  F61: ['F61'],
  // What a host that dies, sleeps, repeats or is of another release leaves behind.
  F62: ['S1', 'S5', 'S18', 'L1'],
  F63: ['S3', 'S18'],
  F64: ['S2'],
  F65: ['S1'],
  F66: ['S15', 'F61'],
  F67: ['S15', 'S17'],
  F69: ['S4', 'S5', 'F61'],
  F70: ['S4', 'S8'],
  F71: ['S15'],
  F74: ['F74', 'L2'],
  F75: ['S13'],
  F81: ['F81'],
}
