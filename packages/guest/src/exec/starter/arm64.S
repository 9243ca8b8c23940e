_start:
  mov x0, #3
  mov x1, #2
  mov x2, #1
  mov x8, #25
  svc #0
  ldr w0, uid
  mov w1, w0
  mov w2, w0
  mov x8, #147
  svc #0
  cbnz x0, fail
  ldr x9, [sp]
  ldr x0, [sp, #16]
  add x1, sp, #24
  add x2, sp, #16
  add x2, x2, x9, lsl #3
  mov x8, #221
  svc #0
  cmn x0, #8
  b.ne fail
  ldr x3, [sp, #16]
  str x3, [sp, #24]
  adr x0, shell
  add x1, sp, #16
  mov x8, #221
  svc #0
fail:
  neg x0, x0
  str x0, [sp, #-16]!
  mov x0, #3
  mov x1, sp
  mov x2, #1
  mov x8, #64
  svc #0
  mov x0, #127
  mov x8, #94
  svc #0
shell: .asciz "/bin/sh"
uid:
