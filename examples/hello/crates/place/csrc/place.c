#include <stddef.h>
#include <stdint.h>

/* CRC-32 (the one of zip and Ethernet), bit by bit; begin with 0. */
uint32_t place_crc32(uint32_t sum, const unsigned char *data, size_t size) {
    size_t i;
    int bit;
    sum = ~sum;
    for (i = 0; i < size; i++) {
        sum ^= data[i];
        for (bit = 0; bit < 8; bit++)
            sum = sum & 1 ? sum >> 1 ^ 0xedb88320u : sum >> 1;
    }
    return ~sum;
}

uint32_t place_pointer_bits(void) {
    return (uint32_t)sizeof(void *) * 8;
}

uint32_t place_is_big_endian(void) {
    const uint16_t two = 1;
    return *(const unsigned char *)&two == 0;
}
