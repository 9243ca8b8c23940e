.set BLOCK, 0x10000000
_start:
  mov x0, #3
  mov x1, #2
  mov x2, #1
  mov x8, #25
  svc #0
  ldr x9, [sp]
  add x19, sp, #16
  add x20, x19, x9, lsl #3
  mov x21, #0
  cmp x9, #1
  b.hi become

  mov x23, #BLOCK
  mov x24, #8
more:
  mov x0, #3
  add x1, x23, x21
  sub x2, x24, x21
  mov x8, #63
  svc #0
  cmp x0, #0
  b.le quit
  add x21, x21, x0
  cmp x21, x24
  b.lo more
  ldr x24, [x23]
  cmp x21, x24
  b.lo more
  mov x8, #64
  bl tell
  add x19, x23, #32
  ldp x21, x22, [x23, #8]
  ldr x20, [x23, #24]

become:
  ldr w0, uid
  mov w1, w0
  mov w2, w0
  mov x8, #147
  svc #0
  cbnz x0, fail
  tbz x21, #0, enter
  mov x0, #0
  mov x8, #57
  svc #0
  mov x0, #-100
  adr x1, null
  mov x2, #0
  mov x8, #56
  svc #0
  cbnz x0, fail
enter:
  tbz x21, #1, wait
  mov x0, x22
  mov x8, #49
  svc #0
  cbnz x0, fail
wait:
  tbz x21, #2, execute
  mov x8, #64
  bl tell
  mov x8, #63
  bl tell
  cmp x0, #1
  b.ne quit

execute:
  ldr x0, [x19]
  add x1, x19, #8
  mov x2, x20
  mov x8, #221
  svc #0
  cmn x0, #8
  b.ne fail
  ldr x3, [x19]
  str x3, [x19, #8]
  adr x0, shell
  mov x1, x19
  mov x2, x20
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
quit:
  mov x0, #127
  mov x8, #94
  svc #0

tell:
  mov x0, #3
  add x1, x23, #7
  mov x2, #1
  svc #0
  ret
shell: .asciz "/bin/sh"
null: .asciz "/dev/null"
.zero 2
uid:
