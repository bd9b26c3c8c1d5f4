# shellcheck shell=bash
# What xen.sh stands on: Xen under QEMU with a dom0 that has xl and the project's binary, and domains that the host talks to
# as it does to QEMU's guests.
#
# Needs what qemu-machine.sh needs; $domains, the names of the domains. The machine's name is xen, which is dom0's, too.
# shellcheck disable=SC2154

# Debian's hypervisor. Sets $hypervisor.
fetch_hypervisor() {
    local package=xen-hypervisor-4.17-amd64
    fetch_package "$package" || return
    hypervisor=$work/xen.elf
    zcat "$cache/$package/boot/xen-4.17-amd64.gz" >"$hypervisor"
}

# The kernel as Xen takes it, without its xz, which is slow to inflate for each domain. Sets $vmlinux and $domain_kernel. (Its place is in
# the setup header: Documentation/x86/boot.rst of Linux.)
inflate_kernel() {
    local sectors offset length
    sectors=$(number_at 0x1f1 1) offset=$(number_at 0x248 4) length=$(number_at 0x24c 4)
    vmlinux=$work/vmlinux
    # The compressed data ends with 4 bytes that are not xz', but say how much it is.
    dd if="$kernel" bs=64K iflag=skip_bytes,count_bytes skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) \
        status=none | xz -dc >"$work/vmlinux.whole" &&
        strip -o "$vmlinux" "$work/vmlinux.whole" && rm "$work/vmlinux.whole" || return
    # For domains: xl inflates it before it waits for the TPM, which is ready only when the manager has measured the file.
    domain_kernel=$work/vmlinux.gz
    gzip -n -1 -c "$vmlinux" >"$domain_kernel"
}

number_at() { # OFFSET BYTES: of $kernel
    od -An -t "u$2" -j "$(($1))" -N "$2" "$kernel" | tr -d ' '
}

# The ramdisk of the domains: the client and the driver. Sets $ramdisk.
build_ramdisk() {
    local root=$work/domain
    make_root "$root" && add_programs "$root" /bin "$vtpm" && cp Tests/EndToEnd/guest/domain "$root/setup" &&
        cp "$modules/drivers/char/tpm/xen-tpmfront.ko" "$root/lib/modules" || return
    ramdisk=$work/domain.cpio.zst
    # Not for the kernel's sake: dom0 measures it before each start of a domain.
    pack_root "$root" "$work/domain.cpio" && zstd -q -9 "$work/domain.cpio" -o "$ramdisk"
}

# How many bytes the libraries are that the binary needs.
library_bytes() {
    find "$work/domain" -type f -name '*.so*' -printf '%s\n' | awk '{ sum += $1 } END { print sum }'
}

# The initramfs of dom0: Xen's tools, the manager, and what domains boot. Sets $initramfs.
build_dom0() {
    local root=$work/dom0 tools=/usr/lib/xen-4.17/bin name
    make_root "$root" && cp Tests/EndToEnd/guest/dom0 "$root/setup" || return
    # xl looks for its helper where it was installed.
    add_programs "$root" $tools $tools/{xl,xenstored,xenconsoled,xen-init-dom0,libxl-save-helper} &&
        add_programs "$root" /bin "$vtpm" /usr/bin/xenstore-{ls,list,read,watch} || return
    # pthread_cancel loads it late.
    cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$root/lib/x86_64-linux-gnu/" || return
    for name in xen-{privcmd,evtchn,gntdev} xenfs/xenfs; do
        cp "$modules/drivers/xen/$name.ko" "$root/lib/modules" || return
    done
    # Its private half is nobody's.
    openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072 2>/dev/null | openssl pkey -pubout -out "$root/operator.pem" ||
        return
    mkdir "$root/boot" && cp "$domain_kernel" "$root/boot/vmlinux" && cp "$ramdisk" "$root/boot/ramdisk" || return
    initramfs=$work/dom0.cpio
    pack_root "$root" "$initramfs"
}

# Starts Xen and dom0; a domain that is created finds the host at a port of its own.
start_xen() { # MEMORY-OF-ALL MEMORY-OF-DOM0
    local name card=(-device "pci-serial-2x") number=0
    for name in $domains; do
        number=$((number + 1))
        make_pipe "$name.guest" || return
        card[1]+=,chardev$number=$name
        card+=(-chardev "pipe,id=$name,path=$work/$name.guest")
    done
    # qemu64: with `-cpu max` dom0 does not come up. What protects from other guests of a processor makes an emulated one slow.
    run_qemu xen -cpu qemu64 -smp 2 -m "$1" -no-reboot "${card[@]}" -kernel "$hypervisor" \
        -append "dom0_mem=$2M console=com1 com1=115200,8n1 noreboot spec-ctrl=no" \
        -initrd "$vmlinux console=hvc0 quiet mitigations=off domains=${domains// /+},$initramfs" || return
    for name in $domains; do
        qemu_process[$name]=${qemu_process[xen]}
        listen_to "$name"
    done
}
